-- A row is one student of round 1 beside its teacher, at the epoch that the test set chose (best_) and at the last
-- one: test accuracy in percent. Reads `chosen`, which has the columns of `outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed,
    t.best AS best_teacher, t.last AS last_teacher, s.best AS best_r1, s.last AS last_r1
FROM (
    SELECT
        key, teacher_key, protocol, dataset, label_noise, tau, teacher_checkpoint, arch, aug, alpha, seed,
        MAX(CASE WHEN checkpoint = 'best_test' THEN top1 END) AS best,
        MAX(CASE WHEN checkpoint = 'last' THEN top1 END) AS last
    FROM chosen
    WHERE model = 'R1'
    GROUP BY key, teacher_key, protocol, dataset, label_noise, tau, teacher_checkpoint, arch, aug, alpha, seed
) s
JOIN (
    SELECT
        key, MAX(CASE WHEN checkpoint = 'best_test' THEN top1 END) AS best,
        MAX(CASE WHEN checkpoint = 'last' THEN top1 END) AS last
    FROM chosen
    GROUP BY key
) t ON t.key = s.teacher_key
WHERE s.best IS NOT NULL AND s.last IS NOT NULL AND t.best IS NOT NULL AND t.last IS NOT NULL
