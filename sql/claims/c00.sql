-- A row is one teacher at one checkpoint, of an architecture that the paper's Table 1 has on this data set, beside the
-- best student that the literature in Table 1 reports on it. Reads `chosen`, which has the columns of `outcomes`.
SELECT
    t.protocol, t.dataset, t.label_noise, t.arch, t.aug, t.seed, t.checkpoint,
    t.top1 AS teacher, p.literature_student, t.top1 - p.literature_student AS lead
FROM chosen t
JOIN (
    SELECT names.dataset_name, MAX(l.mean) AS literature_student
    FROM published l
    JOIN (SELECT DISTINCT dataset, dataset_name FROM published WHERE dataset_name IS NOT NULL) names
        ON names.dataset = l.dataset
    WHERE l.source = 'Table 1' AND l.model = 'R1' AND l.literature NOT LIKE 'Ours%'
    GROUP BY names.dataset_name
) p ON p.dataset_name = t.dataset
WHERE t.model = 'T'
    AND EXISTS (SELECT 1 FROM published o WHERE o.source = 'Table 1' AND o.arch = t.arch AND o.dataset_name = t.dataset)
