-- A row is one table: how far round 1 is above its teacher.
-- anomaly: A4
-- tables: 2, 3
-- says: Round 1 is above its teacher in {up} of {all_rows} rows, by {mean:+.3f} points in the mean ({smallest:+.2f} to
--     {largest:+.2f}; 0.01 is one test image). Which of these gains are more than chance, with n = 3: python -m
--     sd.report --claims, C1.
SELECT
    NULL AS "row", NULL AS model, NULL AS metric, SUM(CASE WHEN r1 > t THEN 1 ELSE 0 END) AS up, COUNT(*) AS all_rows,
    AVG(r1 - t) AS mean, MIN(r1 - t) AS smallest, MAX(r1 - t) AS largest
FROM (
    SELECT
        "row", MAX(CASE WHEN model = 'T' THEN mean END) AS t, MAX(CASE WHEN model = 'R1' THEN mean END) AS r1,
        MAX(CASE WHEN model = 'R2' THEN mean END) AS r2, MAX(CASE WHEN model = 'R3' THEN mean END) AS r3,
        MAX(CASE WHEN model = 'SAM' THEN mean END) AS sam
    FROM published WHERE source = :source AND metric = 'test_acc' GROUP BY "row"
) n
