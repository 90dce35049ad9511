-- A row is one chain at one checkpoint on one split: curvature of its students of rounds 1 to 3, measured alike. Reads
-- `chosen`, which has the columns of `curvature_outcomes`.
SELECT
    r1.protocol, r1.dataset, r1.label_noise, r1.tau, r1.teacher_checkpoint, r1.arch, r1.aug, r1.alpha, r1.seed,
    r1.checkpoint, r1.split, r1.measure_key,
    r1.trace AS r1_trace, r1.lambda_max AS r1_lambda_max,
    r2.trace AS r2_trace, r2.lambda_max AS r2_lambda_max,
    r3.trace AS r3_trace, r3.lambda_max AS r3_lambda_max
FROM chosen r1
JOIN chosen r2 ON r2.teacher_key = r1.key AND r2.model = 'R2' AND r2.checkpoint = r1.checkpoint
    AND r2.split = r1.split AND r2.measure_key = r1.measure_key
LEFT JOIN chosen r3 ON r3.teacher_key = r2.key AND r3.model = 'R3' AND r3.checkpoint = r1.checkpoint
    AND r3.split = r1.split AND r3.measure_key = r1.measure_key
WHERE r1.model = 'R1'
