-- A row is one printed student that is below the first teacher of its chain.
-- anomaly: A3
-- tables: 2, 3, 4
-- says: Below the first teacher, as {below} of the {students} students of this table are ({first} of {firsts} of
--     round 1); the abstract says "in all cases", Section 5.1 "consistently".
WITH students AS (
    SELECT s."row", s.model, s.metric, s.id, CASE WHEN s.mean < t.mean THEN 1 ELSE 0 END AS is_below
    FROM published s
    JOIN published t ON t.source = s.source AND t.model = 'T' AND t.metric = s.metric
        AND (t."row" = s."row" OR s.source = 'Table 4')
    WHERE s.source = :source AND s.metric = 'test_acc' AND s.model IN ('R1', 'R2', 'R3')
)
SELECT
    "row", model, metric, (SELECT SUM(is_below) FROM students) AS below, (SELECT COUNT(*) FROM students) AS students,
    (SELECT SUM(is_below) FROM students WHERE model = 'R1') AS first,
    (SELECT COUNT(*) FROM students WHERE model = 'R1') AS firsts
FROM students
WHERE is_below = 1
ORDER BY id
