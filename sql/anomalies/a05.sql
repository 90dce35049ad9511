-- A row is one row that rises at every step.
-- anomaly: A5
-- tables: 2, 3
-- says: Rises at every step, as {rising} of {all_rows} rows do; Section 5.1 says that later rounds do not improve
--     step by step.
WITH n AS (
    SELECT
        "row", MAX(CASE WHEN model = 'T' THEN mean END) AS t, MAX(CASE WHEN model = 'R1' THEN mean END) AS r1,
        MAX(CASE WHEN model = 'R2' THEN mean END) AS r2, MAX(CASE WHEN model = 'R3' THEN mean END) AS r3,
        MAX(CASE WHEN model = 'SAM' THEN mean END) AS sam
    FROM published WHERE source = :source AND metric = 'test_acc' GROUP BY "row"
)
SELECT
    "row", 'R3' AS model, 'test_acc' AS metric, (SELECT COUNT(*) FROM n) AS all_rows,
    (SELECT COUNT(*) FROM n WHERE t < r1 AND r1 < r2 AND r2 < r3) AS rising
FROM n
WHERE t < r1 AND r1 < r2 AND r2 < r3
ORDER BY "row"
