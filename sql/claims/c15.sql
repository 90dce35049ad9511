-- A row is one student of round 1 at one checkpoint, beside its teacher and the SAM model of the same seed: test
-- accuracy in percent. Reads `chosen`, which has the columns of `outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed, s.checkpoint,
    t.top1 AS teacher, s.top1 AS r1, m.top1 AS sam
FROM chosen s
JOIN chosen t ON t.key = s.teacher_key AND t.checkpoint = s.checkpoint
JOIN chosen m ON m.model = 'SAM' AND m.arch = s.arch AND m.dataset = s.dataset AND m.aug = s.aug
    AND m.label_noise = s.label_noise AND m.protocol = s.protocol AND m.seed = s.seed AND m.checkpoint = s.checkpoint
WHERE s.model = 'R1'
