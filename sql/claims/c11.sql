-- A row is one student of round 1 at one checkpoint on one split, beside its teacher and the SAM model of the same
-- seed (NULL where there is none): the Hessian's second spectral moment (the mean of λ²) and λmax - λmin. Reads
-- `chosen`, which has the columns of `curvature_outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed, s.checkpoint,
    s.split, s.measure_key,
    mt.second_moment AS teacher_second_moment, t.lambda_max - t.lambda_min AS teacher_width,
    ms.second_moment AS r1_second_moment, s.lambda_max - s.lambda_min AS r1_width,
    mm.second_moment AS sam_second_moment, m.lambda_max - m.lambda_min AS sam_width
FROM chosen s
JOIN chosen t ON t.key = s.teacher_key AND t.checkpoint = s.checkpoint AND t.split = s.split
    AND t.measure_key = s.measure_key
LEFT JOIN chosen m ON m.model = 'SAM' AND m.arch = s.arch AND m.dataset = s.dataset AND m.aug = s.aug
    AND m.label_noise = s.label_noise AND m.protocol = s.protocol AND m.seed = s.seed
    AND m.checkpoint = s.checkpoint AND m.split = s.split AND m.measure_key = s.measure_key
JOIN (
    SELECT cell_key, measure_key, checkpoint, split, SUM(weight * node * node) AS second_moment
    FROM spectra GROUP BY cell_key, measure_key, checkpoint, split
) ms ON ms.cell_key = s.key AND ms.checkpoint = s.checkpoint AND ms.split = s.split AND ms.measure_key = s.measure_key
JOIN (
    SELECT cell_key, measure_key, checkpoint, split, SUM(weight * node * node) AS second_moment
    FROM spectra GROUP BY cell_key, measure_key, checkpoint, split
) mt ON mt.cell_key = t.key AND mt.checkpoint = s.checkpoint AND mt.split = s.split AND mt.measure_key = s.measure_key
LEFT JOIN (
    SELECT cell_key, measure_key, checkpoint, split, SUM(weight * node * node) AS second_moment
    FROM spectra GROUP BY cell_key, measure_key, checkpoint, split
) mm ON mm.cell_key = m.key AND mm.checkpoint = s.checkpoint AND mm.split = s.split AND mm.measure_key = s.measure_key
WHERE s.model = 'R1'
