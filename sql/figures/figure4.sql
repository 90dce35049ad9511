-- Figures 4, 5 and 10 to 13. A row is one model at one checkpoint on one split, measured in one way: trace and λmax of
-- its Hessian. Reads `chosen`, which has the columns of `curvature_outcomes`.
SELECT
    s.key, s.dataset, s.label_noise, s.protocol, s.arch, s.aug, s.tau, s.teacher_checkpoint, s.alpha, s.model, s.seed,
    s.checkpoint, s.split, s.measure_key, s.n_samples, s.trace, s.trace_stderr, s.lambda_max, s.lambda_max_residual,
    s.converged
FROM chosen s
