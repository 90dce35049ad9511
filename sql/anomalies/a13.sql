-- A row is one table: which alpha its students have.
-- anomaly: A13
-- tables: 1
-- says: No single rule for α: of the {students} CIFAR-10 students, {at2} are Table 2's at α = 0.2, {at5} at 0.5,
--     {at8} at 0.8, and {best} its best over α.
SELECT
    NULL AS "row", NULL AS model, NULL AS metric, COUNT(*) AS students,
    SUM(CASE WHEN mean = r2 THEN 1 ELSE 0 END) AS at2, SUM(CASE WHEN mean = r5 THEN 1 ELSE 0 END) AS at5,
    SUM(CASE WHEN mean = r8 THEN 1 ELSE 0 END) AS at8, SUM(CASE WHEN mean = largest THEN 1 ELSE 0 END) AS best
FROM (
    SELECT
        p."row", p.mean, MAX(CASE WHEN q.alpha = 0.2 THEN q.mean END) AS r2,
        MAX(CASE WHEN q.alpha = 0.5 THEN q.mean END) AS r5, MAX(CASE WHEN q.alpha = 0.8 THEN q.mean END) AS r8,
        MAX(q.mean) AS largest
    FROM published p
    JOIN published q ON q.source = 'Table 2' AND q.model = p.model AND q.arch = p.arch
        AND q.dataset_name = p.dataset_name AND q.aug = p.aug
    WHERE p.source = :source AND p.model = 'R1'
    GROUP BY p."row", p.mean
) s
HAVING SUM(CASE WHEN mean = r5 THEN 1 ELSE 0 END) < COUNT(*)
