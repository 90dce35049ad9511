-- Figures 4, 5 and 10 to 13. A row is one model at one checkpoint on one split, measured in one way: trace and λmax of
-- its Hessian; or (without a `key`) what the paper's table `printed` prints for a model. Reads `chosen`, which has the
-- columns of `curvature_outcomes`.
SELECT
    s.key, s.dataset, s.label_noise, s.protocol, s.arch, s.aug, s.tau, s.teacher_checkpoint, s.alpha, s.model, s.seed,
    s.checkpoint, s.split, s.measure_key, s.n_samples, s.trace, s.trace_stderr, s.lambda_max, s.lambda_max_residual,
    s.converged, NULL AS printed
FROM chosen s
UNION ALL
SELECT
    NULL, p.dataset_name, NULL, NULL, p.arch, NULL, NULL, NULL, p.alpha, p.model, NULL,
    NULL, NULL, NULL, NULL, MAX(CASE WHEN p.metric = 'trace' THEN p.mean END), NULL,
    MAX(CASE WHEN p.metric = 'lambda_max' THEN p.mean END), NULL,
    NULL, p.source
FROM published p
WHERE p.metric IN ('trace', 'lambda_max')
GROUP BY p.source, p.dataset_name, p.arch, p.alpha, p.model
