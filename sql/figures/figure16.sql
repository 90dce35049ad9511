-- Figure 16. A row is one of the largest eigenvalues of one model's Hessian at one checkpoint on one split, measured in
-- one way, up to a hundred. Reads `chosen`, which has the columns of `curvature_outcomes`.
SELECT
    s.key, s.dataset, s.label_noise, s.protocol, s.arch, s.aug, s.tau, s.teacher_checkpoint, s.alpha, s.model, s.seed,
    s.checkpoint, s.split, s.measure_key, s.n_samples, s.converged, e."rank", e.eigenvalue, e.residual
FROM chosen s
JOIN eigenvalues e ON e.cell_key = s.key AND e.measure_key = s.measure_key AND e.checkpoint = s.checkpoint
    AND e.split = s.split AND e."rank" <= 100
