-- Figure 3. A row is one model at one checkpoint: a teacher (one model, or an ensemble of models trained from scratch) or
-- a student of one; `size` is the number of models in the teacher, `top1` the test accuracy in percent. Reads `chosen`,
-- which has the columns of `outcomes`.
SELECT
    s.key, s.dataset, s.label_noise, s.protocol, s.arch, s.aug, s.tau, s.teacher_checkpoint, s.alpha, s.model, s.seed,
    s.checkpoint, CASE WHEN s.round = 0 THEN 'teacher' ELSE 'student' END AS part,
    COALESCE(s.members, s.teacher_members, 1) AS size, s.top1
FROM chosen s
WHERE s.model IN ('T', 'R1') OR s.origin = 'ensemble' OR (s.teacher_members IS NOT NULL AND s.round = 1)
