-- A row is one student of round 1 at one checkpoint, beside its teacher: test accuracy in percent. Reads `chosen`,
-- which has the columns of `outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed, s.checkpoint,
    t.top1 AS teacher, s.top1 AS r1, s.top1 - t.top1 AS gain
FROM chosen s
JOIN chosen t ON t.key = s.teacher_key AND t.checkpoint = s.checkpoint
WHERE s.model = 'R1'
