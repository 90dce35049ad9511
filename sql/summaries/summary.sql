-- A row is one setting (cells that differ in their seed alone) at one checkpoint: test accuracy in percent as mean,
-- sample standard deviation (n - 1) and number of seeds. Reads `chosen`, which has the columns of `outcomes`.
SELECT
    o.setting, o.arch, o.dataset, o.aug, o.label_noise, o.protocol, o.tau, o.teacher_checkpoint, o.alpha, o.model,
    o.checkpoint, COUNT(*) AS n, m.top1 AS mean,
    CASE WHEN COUNT(*) > 1 THEN SQRT(SUM((o.top1 - m.top1) * (o.top1 - m.top1)) / (COUNT(*) - 1)) END AS std
FROM chosen o
JOIN (SELECT setting, checkpoint, AVG(top1) AS top1 FROM chosen GROUP BY setting, checkpoint) m
    ON m.setting = o.setting AND m.checkpoint = o.checkpoint
GROUP BY
    o.setting, o.arch, o.dataset, o.aug, o.label_noise, o.protocol, o.tau, o.teacher_checkpoint, o.alpha, o.model,
    o.checkpoint, m.top1
