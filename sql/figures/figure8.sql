-- Figures 8, 14 and 15. A row is one point of one model's loss surface along two random directions (whose seed is
-- `direction`): the mean cross-entropy there. Reads `chosen`, which has the columns of `outcomes`.
SELECT
    s.key, s.dataset, s.label_noise, s.protocol, s.arch, s.aug, s.tau, s.teacher_checkpoint, s.alpha, s.model, s.seed,
    s.checkpoint, l.split, l.measure_key, l.n_samples, l.normalise, l.seed AS direction, p.x, p.y, p.loss
FROM chosen s
JOIN landscapes l ON l.cell_key = s.key AND l.checkpoint = s.checkpoint AND l.directions = 'random'
JOIN checkpoints k ON k.cell_key = l.cell_key AND k.checkpoint = l.checkpoint AND k.sha256 = l.checkpoint_sha256
JOIN landscape_points p ON p.cell_key = l.cell_key AND p.measure_key = l.measure_key AND p.checkpoint = l.checkpoint
    AND p.split = l.split AND p.seed = l.seed
