-- A row is one measure of curvature of which SAM has the least.
-- anomaly: A7
-- tables: 5
-- says: The lowest of the table, where the captions of Figures 4, 5 and 7 call the students flatter than SAM; and SAM
--     is less accurate ({accuracy:.2f}) than every student ({least:.2f} and more), the reverse of Table 2.
SELECT
    p."row", p.model, p.metric,
    (SELECT a.mean FROM published a WHERE a.source = :source AND a.model = 'SAM' AND a.metric = 'test_acc') AS accuracy,
    (SELECT MIN(s.mean) FROM published s WHERE s.source = :source AND s.model LIKE 'R%' AND s.metric = 'test_acc')
        AS least
FROM published p
WHERE p.source = :source AND p.model = 'SAM' AND p.metric <> 'test_acc'
    AND p.mean = (SELECT MIN(q.mean) FROM published q WHERE q.source = p.source AND q.metric = p.metric)
ORDER BY p.id
