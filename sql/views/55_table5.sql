-- A row is one row of the paper's Table 5 (Tiny-ImageNet, alpha = 0.2, with SAM) for one protocol, checkpoint and way
-- of measuring curvature: ours, what the paper prints (published_*), and ours less that (*_difference).
CREATE VIEW table5 AS
SELECT
    "row", architecture, dataset, model, alpha, protocol, checkpoint, split, measure_key, n_samples,
    accuracy, accuracy_std, accuracy_n, trace, trace_std, trace_stderr, lambda_max, lambda_max_std, curvature_n,
    not_converged, published_accuracy, published_trace, published_lambda_max,
    accuracy_difference, trace_difference, lambda_max_difference
FROM curvature_tables
WHERE source = 'Table 5';
