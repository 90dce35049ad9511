-- A row is one cell at one checkpoint on one split, measured in one way: its Hessian's trace and eigenvalues.
-- A measurement of a checkpoint that was trained anew since is left out.
CREATE VIEW curvature_outcomes AS
SELECT
    o.*, h.measure_key, h.split, h.n_samples, h.backend, h.trace, h.trace_stderr, h.lambda_max, h.lambda_max_residual,
    h.lambda_min, h.relative_trace, h.relative_trace_stderr, h.mean_loss, h.sharpness, h.converged
FROM outcomes o
JOIN curvature h ON h.cell_key = o.key AND h.checkpoint = o.checkpoint
JOIN checkpoints k ON k.cell_key = h.cell_key AND k.checkpoint = h.checkpoint AND k.sha256 = h.checkpoint_sha256;
