-- A row is one table: whether the flatter models are the more accurate.
-- anomaly: A10
-- tables: 4, 5
-- says: Spearman's correlation of accuracy with the trace is {trace:+.1f}, with λmax {lambda_max:+.1f}, over {models}
--     models: no support for flatness bringing accuracy, and too few to decide.
WITH ranks AS (
    SELECT
        a.model, RANK() OVER (ORDER BY a.mean) AS accuracy, RANK() OVER (ORDER BY t.mean) AS trace,
        RANK() OVER (ORDER BY l.mean) AS lambda_max
    FROM published a
    JOIN published t ON t.source = a.source AND t.model = a.model AND t.metric = 'trace'
    JOIN published l ON l.source = a.source AND l.model = a.model AND l.metric = 'lambda_max'
    WHERE a.source = :source AND a.metric = 'test_acc'
)
SELECT
    NULL AS "row", NULL AS model, NULL AS metric, COUNT(*) AS models,
    1 - 6.0 * SUM((accuracy - trace) * (accuracy - trace)) / (COUNT(*) * (COUNT(*) * COUNT(*) - 1)) AS trace,
    1 - 6.0 * SUM((accuracy - lambda_max) * (accuracy - lambda_max)) / (COUNT(*) * (COUNT(*) * COUNT(*) - 1))
        AS lambda_max
FROM ranks
