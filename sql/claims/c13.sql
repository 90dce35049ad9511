-- A row is one loss surface of a student of round 1 or 2 at one checkpoint on one split, beside the one of the chain's
-- teacher along the same random directions: the share of the points at which the loss is less than 1 above the
-- centre's . Reads `chosen`, which has the columns of `outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed, s.checkpoint,
    ws.split, ws.measure_key,
    s.model, ws.seed AS direction, ws.share AS student_share, wt.share AS teacher_share
FROM chosen s
JOIN chosen t ON t.model = 'T' AND t.arch = s.arch AND t.dataset = s.dataset AND t.aug = s.aug
    AND t.label_noise = s.label_noise AND t.protocol = s.protocol AND t.seed = s.seed AND t.checkpoint = s.checkpoint
JOIN (
    SELECT
        p.cell_key, p.measure_key, p.checkpoint, p.split, p.seed,
        AVG(CASE WHEN p.loss < c.loss + 1 THEN 1.0 ELSE 0.0 END) AS share
    FROM landscape_points p
    JOIN landscapes l ON l.cell_key = p.cell_key AND l.measure_key = p.measure_key AND l.checkpoint = p.checkpoint
        AND l.split = p.split AND l.seed = p.seed AND l.directions = 'random'
    JOIN checkpoints k ON k.cell_key = l.cell_key AND k.checkpoint = l.checkpoint AND k.sha256 = l.checkpoint_sha256
    JOIN landscape_points c ON c.cell_key = p.cell_key AND c.measure_key = p.measure_key
        AND c.checkpoint = p.checkpoint AND c.split = p.split AND c.seed = p.seed AND c.x = 0 AND c.y = 0
    GROUP BY p.cell_key, p.measure_key, p.checkpoint, p.split, p.seed
) ws ON ws.cell_key = s.key AND ws.checkpoint = s.checkpoint
JOIN (
    SELECT
        p.cell_key, p.measure_key, p.checkpoint, p.split, p.seed,
        AVG(CASE WHEN p.loss < c.loss + 1 THEN 1.0 ELSE 0.0 END) AS share
    FROM landscape_points p
    JOIN landscapes l ON l.cell_key = p.cell_key AND l.measure_key = p.measure_key AND l.checkpoint = p.checkpoint
        AND l.split = p.split AND l.seed = p.seed AND l.directions = 'random'
    JOIN checkpoints k ON k.cell_key = l.cell_key AND k.checkpoint = l.checkpoint AND k.sha256 = l.checkpoint_sha256
    JOIN landscape_points c ON c.cell_key = p.cell_key AND c.measure_key = p.measure_key
        AND c.checkpoint = p.checkpoint AND c.split = p.split AND c.seed = p.seed AND c.x = 0 AND c.y = 0
    GROUP BY p.cell_key, p.measure_key, p.checkpoint, p.split, p.seed
) wt ON wt.cell_key = t.key AND wt.checkpoint = s.checkpoint AND wt.measure_key = ws.measure_key
    AND wt.split = ws.split AND wt.seed = ws.seed
WHERE s.model IN ('R1', 'R2')
