-- A row is one measurement of how far a student's checkpoint is from its teacher, with the attempt that took it; one of a
-- checkpoint that was trained anew since is left out. Reads `chosen`, which has the columns of `cells`.
SELECT
    f.cell_key AS key, f.checkpoint, f.split, f.measure_key, f.mse, f.mse_centred, f.agreement, f.kl, f.kl_tau,
    f.attempt_id
FROM chosen c
JOIN fidelity f ON f.cell_key = c.key
JOIN checkpoints k ON k.cell_key = f.cell_key AND k.checkpoint = f.checkpoint AND k.sha256 = f.checkpoint_sha256
ORDER BY f.cell_key, f.checkpoint, f.split, f.measure_key
