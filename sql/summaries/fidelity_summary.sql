-- A row is one setting at one checkpoint on one split, measured in one way: distances between the answers of students and
-- of the teachers that taught them, each as mean and sample standard deviation over n seeds. Reads `chosen`, which has
-- the columns of `fidelity_outcomes`.
SELECT
    o.setting, o.model, o.alpha, o.checkpoint, o.split, o.measure_key, o.n_samples, COUNT(*) AS n,
    m.mse AS mse, m.mse_centred AS mse_centred, m.agreement AS agreement, m.kl AS kl, m.kl_tau AS kl_tau,
    AVG(o.student_top1) AS student_top1, AVG(o.teacher_top1) AS teacher_top1,
    CASE WHEN COUNT(*) > 1
        THEN SQRT(SUM((o.mse - m.mse) * (o.mse - m.mse)) / (COUNT(*) - 1))
    END AS mse_std,
    CASE WHEN COUNT(*) > 1
        THEN SQRT(SUM((o.mse_centred - m.mse_centred) * (o.mse_centred - m.mse_centred)) / (COUNT(*) - 1))
    END AS mse_centred_std,
    CASE WHEN COUNT(*) > 1
        THEN SQRT(SUM((o.agreement - m.agreement) * (o.agreement - m.agreement)) / (COUNT(*) - 1))
    END AS agreement_std,
    CASE WHEN COUNT(*) > 1
        THEN SQRT(SUM((o.kl - m.kl) * (o.kl - m.kl)) / (COUNT(*) - 1))
    END AS kl_std,
    CASE WHEN COUNT(*) > 1
        THEN SQRT(SUM((o.kl_tau - m.kl_tau) * (o.kl_tau - m.kl_tau)) / (COUNT(*) - 1))
    END AS kl_tau_std
FROM chosen o
JOIN (
    SELECT
        setting, checkpoint, split, measure_key, AVG(mse) AS mse, AVG(mse_centred) AS mse_centred,
        AVG(agreement) AS agreement, AVG(kl) AS kl, AVG(kl_tau) AS kl_tau
    FROM chosen GROUP BY setting, checkpoint, split, measure_key
) m ON m.setting = o.setting AND m.checkpoint = o.checkpoint AND m.split = o.split AND m.measure_key = o.measure_key
GROUP BY
    o.setting, o.model, o.alpha, o.checkpoint, o.split, o.measure_key, o.n_samples, m.mse, m.mse_centred, m.agreement,
    m.kl, m.kl_tau
