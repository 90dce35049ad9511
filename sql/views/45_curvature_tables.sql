-- A row is one row of the paper's Tables 4 or 5 (a model: test accuracy, trace and largest eigenvalue of the Hessian)
-- and, for one protocol, checkpoint and way of measuring curvature, what was measured for it here; NULL where it was
-- not. The uncertainty of ours: the standard deviation over n seeds and, of a trace, the standard error of its
-- estimate. As in Tables 1 to 3, ours counts only clean labels, tau = 4 and teachers at best_test.
CREATE VIEW curvature_tables AS
WITH paper AS (
    SELECT
        source, "row", architecture, dataset, arch, dataset_name, aug, alpha, model,
        MAX(CASE WHEN metric = 'test_acc' THEN mean END) AS accuracy,
        MAX(CASE WHEN metric = 'trace' THEN mean END) AS trace,
        MAX(CASE WHEN metric = 'lambda_max' THEN mean END) AS lambda_max
    FROM published
    WHERE source IN ('Table 4', 'Table 5')
    GROUP BY source, "row", architecture, dataset, arch, dataset_name, aug, alpha, model
),
models AS (SELECT * FROM paper_models),
places AS (SELECT DISTINCT arch, dataset_name, aug FROM paper),
chosen AS (
    SELECT o.*
    FROM curvature_outcomes o
    JOIN places p ON p.arch = o.arch AND p.dataset_name = o.dataset AND p.aug = o.aug
    WHERE o.label_noise = 0 AND (
        o.model IN ('T', 'SAM') OR (o.model IN ('R1', 'R2', 'R3') AND o.tau = 4 AND o.teacher_checkpoint = 'best_test')
    )
),
curvatures AS (
    SELECT
        setting, arch, dataset, aug, protocol, checkpoint, model, alpha, split, measure_key, n_samples, COUNT(*) AS n,
        AVG(trace) AS trace, AVG(trace_stderr) AS trace_stderr, AVG(lambda_max) AS lambda_max,
        CASE WHEN COUNT(*) > 1
            THEN SQRT(SUM((trace - trace_mean) * (trace - trace_mean)) / (COUNT(*) - 1))
        END AS trace_std,
        CASE WHEN COUNT(*) > 1
            THEN SQRT(SUM((lambda_max - lambda_mean) * (lambda_max - lambda_mean)) / (COUNT(*) - 1))
        END AS lambda_max_std,
        SUM(CASE WHEN converged THEN 0 ELSE 1 END) AS not_converged
    FROM (
        SELECT
            chosen.*,
            AVG(trace) OVER (PARTITION BY setting, checkpoint, split, measure_key) AS trace_mean,
            AVG(lambda_max) OVER (PARTITION BY setting, checkpoint, split, measure_key) AS lambda_mean
        FROM chosen
    ) seeds
    GROUP BY setting, arch, dataset, aug, protocol, checkpoint, model, alpha, split, measure_key, n_samples
),
ways AS (
    SELECT m.arch, m.dataset, m.aug, m.protocol, m.checkpoint, w.split, w.measure_key, w.n_samples
    FROM (SELECT DISTINCT arch, dataset, aug, protocol, checkpoint FROM models) m
    JOIN places p ON p.arch = m.arch AND p.dataset_name = m.dataset AND p.aug = m.aug
    LEFT JOIN (
        SELECT DISTINCT arch, dataset, aug, protocol, checkpoint, split, measure_key, n_samples FROM curvatures
    ) w ON w.arch = m.arch AND w.dataset = m.dataset AND w.aug = m.aug AND w.protocol = m.protocol
        AND w.checkpoint = m.checkpoint
)
SELECT
    p.source, p."row", p.architecture, p.dataset, p.model, p.alpha, w.protocol, w.checkpoint, w.split, w.measure_key,
    w.n_samples,
    a.mean AS accuracy, a.std AS accuracy_std, a.n AS accuracy_n,
    c.trace, c.trace_std, c.trace_stderr, c.lambda_max, c.lambda_max_std, c.n AS curvature_n, c.not_converged,
    p.accuracy AS published_accuracy, p.trace AS published_trace, p.lambda_max AS published_lambda_max,
    a.mean - p.accuracy AS accuracy_difference, c.trace - p.trace AS trace_difference,
    c.lambda_max - p.lambda_max AS lambda_max_difference
FROM paper p
LEFT JOIN ways w ON w.arch = p.arch AND w.dataset = p.dataset_name AND w.aug = p.aug
LEFT JOIN models a ON a.arch = w.arch AND a.dataset = w.dataset AND a.aug = w.aug AND a.protocol = w.protocol
    AND a.checkpoint = w.checkpoint AND a.model = p.model AND COALESCE(a.alpha, -1) = COALESCE(p.alpha, -1)
LEFT JOIN curvatures c ON c.arch = w.arch AND c.dataset = w.dataset AND c.aug = w.aug AND c.protocol = w.protocol
    AND c.checkpoint = w.checkpoint AND c.split = w.split AND c.measure_key = w.measure_key
    AND c.n_samples = w.n_samples AND c.model = p.model AND COALESCE(c.alpha, -1) = COALESCE(p.alpha, -1);
