-- A row is one student of round 1 at one checkpoint, with the number of models that taught it (1: a single teacher):
-- test accuracy in percent. Reads `chosen`, which has the columns of `outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed, s.checkpoint,
    CASE WHEN s.model = 'R1' THEN 1 ELSE CAST(REPLACE(SUBSTR(s.model, 5), ')', '') AS INTEGER) END AS teachers,
    s.top1 AS r1
FROM chosen s
WHERE s.model = 'R1' OR (s.model LIKE 'R1(E%' AND s.model LIKE '%)')
