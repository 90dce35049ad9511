-- A row is one student at one checkpoint on one split, measured in one way: how far its answers are from its teacher's.
-- A measurement of a checkpoint that was trained anew since is left out.
CREATE VIEW fidelity_outcomes AS
SELECT
    o.*, f.measure_key, f.split, f.n_samples, f.mse, f.mse_centred, f.agreement, f.kl, f.kl_tau, f.student_top1,
    f.teacher_top1
FROM outcomes o
JOIN fidelity f ON f.cell_key = o.key AND f.checkpoint = o.checkpoint
JOIN checkpoints k ON k.cell_key = f.cell_key AND k.checkpoint = f.checkpoint AND k.sha256 = f.checkpoint_sha256;
