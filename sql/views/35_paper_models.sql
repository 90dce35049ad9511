-- A row is one model of the paper's tables (teacher, student of round 1 to 3, SAM) of one architecture, data set,
-- augmentation, protocol and alpha, at one checkpoint: test accuracy in percent as mean, sample standard deviation and
-- number of seeds. Only what the paper does: clean labels, tau = 4 and teachers at best_test.
CREATE VIEW paper_models AS
SELECT
    arch, dataset, aug, protocol, alpha, model, checkpoint, COUNT(*) AS n, AVG(top1) AS mean,
    CASE WHEN COUNT(*) > 1 THEN SQRT(SUM((top1 - seeds_mean) * (top1 - seeds_mean)) / (COUNT(*) - 1)) END AS std
FROM (
    SELECT
        c.arch, c.dataset, c.aug, c.protocol, c.alpha, c.model, e.checkpoint, e.top1,
        AVG(e.top1) OVER (PARTITION BY c.setting, e.checkpoint) AS seeds_mean, c.setting
    FROM cells c
    JOIN evaluations e ON e.cell_key = c.key AND e.split = 'test'
    WHERE c.label_noise = 0 AND (
        c.model IN ('T', 'SAM') OR (c.model IN ('R1', 'R2', 'R3') AND c.tau = 4 AND c.teacher_checkpoint = 'best_test')
    )
) chosen
GROUP BY setting, arch, dataset, aug, protocol, alpha, model, checkpoint;
