-- A row is one student of round 1 beside its teacher, at the epoch that the test set chose (best_) and at the last
-- one: test accuracy in percent. Reads `chosen`, which has the columns of `outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed,
    t.top1 AS best_teacher, tl.top1 AS last_teacher, s.top1 AS best_r1, sl.top1 AS last_r1
FROM chosen s
JOIN chosen t ON t.key = s.teacher_key AND t.checkpoint = 'best_test'
JOIN chosen sl ON sl.key = s.key AND sl.checkpoint = 'last'
JOIN chosen tl ON tl.key = t.key AND tl.checkpoint = 'last'
WHERE s.model = 'R1' AND s.checkpoint = 'best_test'
