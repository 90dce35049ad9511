-- A row is one student of round 1 at one checkpoint on one split, beside the SAM model of the same seed: curvature of
-- both, measured alike. Reads `chosen`, which has the columns of `curvature_outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed, s.checkpoint,
    s.split, s.measure_key,
    m.trace AS sam_trace, m.lambda_max AS sam_lambda_max, m.relative_trace AS sam_relative_trace,
    m.sharpness AS sam_sharpness,
    s.trace AS r1_trace, s.lambda_max AS r1_lambda_max, s.relative_trace AS r1_relative_trace,
    s.sharpness AS r1_sharpness
FROM chosen s
JOIN chosen m ON m.model = 'SAM' AND m.arch = s.arch AND m.dataset = s.dataset AND m.aug = s.aug
    AND m.label_noise = s.label_noise AND m.protocol = s.protocol AND m.seed = s.seed AND m.checkpoint = s.checkpoint
    AND m.split = s.split AND m.measure_key = s.measure_key
WHERE s.model = 'R1'
