-- Figure 7. A row is one node of the spectral density of one model's Hessian at one checkpoint on one split, measured in
-- one way: `weight` is the share of all eigenvalues that `node` stands for. Reads `chosen`, which has the columns of
-- `curvature_outcomes`.
SELECT
    s.key, s.dataset, s.label_noise, s.protocol, s.arch, s.aug, s.tau, s.teacher_checkpoint, s.alpha, s.model, s.seed,
    s.checkpoint, s.split, s.measure_key, s.n_samples, s.converged, c.parameters, p.place, p.node, p.weight
FROM chosen s
JOIN cells c ON c.key = s.key
JOIN spectra p ON p.cell_key = s.key AND p.measure_key = s.measure_key AND p.checkpoint = s.checkpoint
    AND p.split = s.split
