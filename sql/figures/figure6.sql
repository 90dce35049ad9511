-- Figure 6. A row is one student at one checkpoint on one split, measured in one way: the mean squared difference of its
-- logits from its teacher's, as they are and after each image's mean has been taken off. Reads `chosen`, which has the
-- columns of `outcomes`.
SELECT
    s.key, s.dataset, s.label_noise, s.protocol, s.arch, s.aug, s.tau, s.teacher_checkpoint, s.alpha, s.model, s.seed,
    s.checkpoint, f.split, f.measure_key, f.n_samples, f.mse, f.mse_centred, f.agreement
FROM chosen s
JOIN fidelity f ON f.cell_key = s.key AND f.checkpoint = s.checkpoint
JOIN checkpoints k ON k.cell_key = f.cell_key AND k.checkpoint = f.checkpoint AND k.sha256 = f.checkpoint_sha256
