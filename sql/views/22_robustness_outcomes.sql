-- A row is one cell at one checkpoint under one shift at one severity: its score, and its teacher's on the same images
-- at the checkpoint of the same name. A measurement of a checkpoint that was trained anew since is left out.
CREATE VIEW robustness_outcomes AS
SELECT
    o.key, o.setting, o.label, o.arch, o.dataset, o.aug, o.label_noise, o.protocol, o.tau, o.teacher_checkpoint,
    o.alpha, o.round, o.optimizer, o.seed, o.teacher_key, o.model, o.origin, o.method, o.members, o.teacher_members,
    o.checkpoint, r.measure_key, r.shift, r.severity,
    CASE
        WHEN r.severity = 0 THEN NULL
        WHEN r.shift IN ('gaussian_noise', 'shot_noise', 'impulse_noise', 'speckle_noise') THEN 'noise'
        WHEN r.shift IN ('defocus_blur', 'glass_blur', 'motion_blur', 'zoom_blur', 'gaussian_blur') THEN 'blur'
        ELSE 'digital'
    END AS family,
    r.n_samples, r.top1, r.loss, r.ece, r.brier, r.attempt_id, t.top1 AS teacher_top1
FROM outcomes o
JOIN robustness r ON r.cell_key = o.key AND r.checkpoint = o.checkpoint
JOIN checkpoints k ON k.cell_key = r.cell_key AND k.checkpoint = r.checkpoint AND k.sha256 = r.checkpoint_sha256
LEFT JOIN (
    SELECT a.cell_key, a.measure_key, a.checkpoint, a.shift, a.severity, a.subset_sha256, a.top1
    FROM robustness a
    JOIN checkpoints b ON b.cell_key = a.cell_key AND b.checkpoint = a.checkpoint AND b.sha256 = a.checkpoint_sha256
) t ON t.cell_key = o.teacher_key AND t.measure_key = r.measure_key AND t.checkpoint = r.checkpoint
    AND t.shift = r.shift AND t.severity = r.severity AND t.subset_sha256 = r.subset_sha256;
