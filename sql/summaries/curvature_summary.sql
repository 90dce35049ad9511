-- A row is one setting at one checkpoint on one split, measured in one way: the Hessian's trace, largest eigenvalue and
-- relative trace, and the sharpness, each as mean and sample standard deviation over n seeds; trace_stderr is the mean
-- standard error of a single trace. Reads `chosen`, which has the columns of `curvature_outcomes`.
SELECT
    o.setting, o.model, o.alpha, o.checkpoint, o.split, o.measure_key, o.n_samples, COUNT(*) AS n,
    m.trace AS trace, AVG(o.trace_stderr) AS trace_stderr, m.lambda_max AS lambda_max,
    m.relative_trace AS relative_trace, m.sharpness AS sharpness,
    CASE WHEN COUNT(*) > 1 THEN SQRT(SUM((o.trace - m.trace) * (o.trace - m.trace)) / (COUNT(*) - 1)) END AS trace_std,
    CASE WHEN COUNT(*) > 1
        THEN SQRT(SUM((o.lambda_max - m.lambda_max) * (o.lambda_max - m.lambda_max)) / (COUNT(*) - 1))
    END AS lambda_max_std,
    CASE WHEN COUNT(*) > 1
        THEN SQRT(SUM((o.relative_trace - m.relative_trace) * (o.relative_trace - m.relative_trace)) / (COUNT(*) - 1))
    END AS relative_trace_std,
    CASE WHEN COUNT(*) > 1
        THEN SQRT(SUM((o.sharpness - m.sharpness) * (o.sharpness - m.sharpness)) / (COUNT(*) - 1))
    END AS sharpness_std,
    SUM(CASE WHEN o.converged THEN 0 ELSE 1 END) AS not_converged
FROM chosen o
JOIN (
    SELECT
        setting, checkpoint, split, measure_key, AVG(trace) AS trace, AVG(lambda_max) AS lambda_max,
        AVG(relative_trace) AS relative_trace, AVG(sharpness) AS sharpness
    FROM chosen GROUP BY setting, checkpoint, split, measure_key
) m ON m.setting = o.setting AND m.checkpoint = o.checkpoint AND m.split = o.split AND m.measure_key = o.measure_key
GROUP BY
    o.setting, o.model, o.alpha, o.checkpoint, o.split, o.measure_key, o.n_samples, m.trace, m.lambda_max,
    m.relative_trace, m.sharpness
