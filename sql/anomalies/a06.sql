-- A row is one table: how SAM compares with the students.
-- anomaly: A6
-- tables: 2, 3
-- says: SAM is more accurate than round 1 in {above} of {all_rows} rows, and than the best round in {above_best};
--     Figures 4, 5 and 7 call the students flatter than SAM, so the flatter are the less accurate.
SELECT
    NULL AS "row", NULL AS model, NULL AS metric, COUNT(*) AS all_rows,
    SUM(CASE WHEN sam > r1 THEN 1 ELSE 0 END) AS above,
    SUM(CASE WHEN sam > r1 AND sam > r2 AND sam > r3 THEN 1 ELSE 0 END) AS above_best
FROM (
    SELECT
        "row", MAX(CASE WHEN model = 'T' THEN mean END) AS t, MAX(CASE WHEN model = 'R1' THEN mean END) AS r1,
        MAX(CASE WHEN model = 'R2' THEN mean END) AS r2, MAX(CASE WHEN model = 'R3' THEN mean END) AS r3,
        MAX(CASE WHEN model = 'SAM' THEN mean END) AS sam
    FROM published WHERE source = :source AND metric = 'test_acc' GROUP BY "row"
) n
HAVING SUM(CASE WHEN sam > r1 THEN 1 ELSE 0 END) > 0
