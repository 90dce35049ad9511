-- A row is one student of a chain at one checkpoint on one split: how far its logits are from its teacher's. Reads
-- `chosen`, which has the columns of `outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed, s.checkpoint,
    f.split, f.measure_key,
    s.round, f.mse, f.mse_centred
FROM chosen s
JOIN fidelity f ON f.cell_key = s.key AND f.checkpoint = s.checkpoint
JOIN checkpoints k ON k.cell_key = f.cell_key AND k.checkpoint = f.checkpoint AND k.sha256 = f.checkpoint_sha256
WHERE s.model IN ('R1', 'R2', 'R3')
