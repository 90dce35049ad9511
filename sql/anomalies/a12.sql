-- A row is one teacher of Table 1 that Table 2 prints with another accuracy.
-- anomaly: A12
-- tables: 1
-- says: Another number than in Table 2: {each}.
-- each: {here:.2f} here, {there:.2f} there
SELECT DISTINCT p."row", p.model, p.metric, p.mean AS here, q.mean AS there
FROM published p
JOIN published q ON q.source = 'Table 2' AND q.model = p.model AND q.arch = p.arch AND q.dataset_name = p.dataset_name
    AND q.aug = p.aug
WHERE p.source = :source AND p.model = 'T' AND q.mean <> p.mean
ORDER BY p."row"
