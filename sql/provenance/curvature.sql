-- A row is one measurement of the curvature of a cell's checkpoint, with the attempt that took it; one of a checkpoint
-- that was trained anew since is left out. Reads `chosen`, which has the columns of `cells`.
SELECT
    h.cell_key AS key, h.checkpoint, h.split, h.measure_key, h.trace, h.trace_stderr, h.lambda_max, h.relative_trace,
    h.sharpness, h.attempt_id
FROM chosen c
JOIN curvature h ON h.cell_key = c.key
JOIN checkpoints k ON k.cell_key = h.cell_key AND k.checkpoint = h.checkpoint AND k.sha256 = h.checkpoint_sha256
