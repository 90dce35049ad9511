-- A row is one teacher trained with AutoAugment and Cutout at one checkpoint on one split, beside the one of the same
-- seed trained without: curvature of both, measured alike. Reads `chosen`, which has the columns of
-- `curvature_outcomes`.
SELECT
    a.protocol, a.dataset, a.label_noise, a.arch, a.aug, a.seed, a.checkpoint, a.split, a.measure_key,
    n.trace AS plain_trace, n.lambda_max AS plain_lambda_max, a.trace AS augmented_trace,
    a.lambda_max AS augmented_lambda_max
FROM chosen a
JOIN chosen n ON n.aug = 'std' AND n.model = 'T' AND n.arch = a.arch AND n.dataset = a.dataset
    AND n.label_noise = a.label_noise AND n.protocol = a.protocol AND n.seed = a.seed
    AND n.checkpoint = a.checkpoint AND n.split = a.split AND n.measure_key = a.measure_key
WHERE a.aug = 'aa_cutout' AND a.model = 'T'
