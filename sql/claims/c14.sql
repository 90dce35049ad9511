-- A row is one trained model (teacher, student or SAM) at one checkpoint on one split: its test accuracy and
-- curvature. Reads `chosen`, which has the columns of `curvature_outcomes`.
SELECT
    m.protocol, m.dataset, m.label_noise, m.tau, m.teacher_checkpoint, m.arch, m.aug, m.alpha, m.seed, m.checkpoint,
    m.split, m.measure_key,
    m.model, m.top1, m.trace, m.lambda_max
FROM chosen m
WHERE m.model IN ('T', 'SAM') OR (m.model LIKE 'R%' AND m.model NOT LIKE '%(%' AND m.model NOT LIKE '% %')
