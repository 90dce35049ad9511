-- A row is one setting at one checkpoint on one split: cross-entropy, expected calibration error and Brier score, each as
-- mean and sample standard deviation over n seeds; the error and the score over the ece_n and brier_n that have them.
-- Reads `chosen`, which has the columns of `calibration_outcomes`.
SELECT
    o.setting, o.model, o.alpha, o.checkpoint, o.split, COUNT(*) AS n, COUNT(o.ece) AS ece_n, COUNT(o.brier) AS brier_n,
    AVG(o.top1) AS top1, m.loss AS loss, m.ece AS ece, m.brier AS brier,
    CASE WHEN COUNT(*) > 1
        THEN SQRT(SUM((o.loss - m.loss) * (o.loss - m.loss)) / (COUNT(*) - 1))
    END AS loss_std,
    CASE WHEN COUNT(o.ece) > 1
        THEN SQRT(SUM((o.ece - m.ece) * (o.ece - m.ece)) / (COUNT(o.ece) - 1))
    END AS ece_std,
    CASE WHEN COUNT(o.brier) > 1
        THEN SQRT(SUM((o.brier - m.brier) * (o.brier - m.brier)) / (COUNT(o.brier) - 1))
    END AS brier_std
FROM chosen o
JOIN (
    SELECT setting, checkpoint, split, AVG(loss) AS loss, AVG(ece) AS ece, AVG(brier) AS brier
    FROM chosen GROUP BY setting, checkpoint, split
) m ON m.setting = o.setting AND m.checkpoint = o.checkpoint AND m.split = o.split
GROUP BY o.setting, o.model, o.alpha, o.checkpoint, o.split, m.loss, m.ece, m.brier
