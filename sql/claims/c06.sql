-- A row is one student of round 1 at one checkpoint on one split, beside its teacher: curvature of both, measured
-- alike. Reads `chosen`, which has the columns of `curvature_outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed, s.checkpoint,
    s.split, s.measure_key,
    t.trace AS teacher_trace, t.lambda_max AS teacher_lambda_max, t.relative_trace AS teacher_relative_trace,
    t.sharpness AS teacher_sharpness,
    s.trace AS r1_trace, s.lambda_max AS r1_lambda_max, s.relative_trace AS r1_relative_trace,
    s.sharpness AS r1_sharpness
FROM chosen s
JOIN chosen t ON t.key = s.teacher_key AND t.checkpoint = s.checkpoint AND t.split = s.split
    AND t.measure_key = s.measure_key
WHERE s.model = 'R1'
