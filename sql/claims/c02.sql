-- A row is one chain of three rounds at one checkpoint: test accuracy of its four models in percent. Reads `chosen`,
-- which has the columns of `outcomes`.
SELECT
    r1.protocol, r1.dataset, r1.label_noise, r1.tau, r1.teacher_checkpoint, r1.arch, r1.aug, r1.alpha, r1.seed,
    r1.checkpoint,
    t.top1 AS teacher, r1.top1 AS r1, r2.top1 AS r2, r3.top1 AS r3
FROM chosen r1
JOIN chosen t ON t.key = r1.teacher_key AND t.checkpoint = r1.checkpoint
JOIN chosen r2 ON r2.teacher_key = r1.key AND r2.checkpoint = r1.checkpoint AND r2.model = 'R2'
JOIN chosen r3 ON r3.teacher_key = r2.key AND r3.checkpoint = r1.checkpoint AND r3.model = 'R3'
WHERE r1.model = 'R1'
