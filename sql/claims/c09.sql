-- A row is one CLIP teacher, or one student of round 1 of it, at one checkpoint under one natural shift: top-1
-- accuracy in percent on the reference and on the shifted test set, and the number of images of each. Reads `chosen`,
-- which has the columns of `outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed, s.checkpoint,
    o.split, o.measure_key, s.model,
    CASE WHEN o.shift = 'imagenetv2' THEN 'imagenet_v2' ELSE o.shift END AS testbed,
    i.top1 AS id_top1, i.n_samples AS id_images, o.top1 AS ood_top1, o.n_samples AS ood_images
FROM chosen s
JOIN robustness o ON o.cell_key = s.key AND o.checkpoint = s.checkpoint AND o.shift IN ('imagenetv2', 'cifar10.1')
LEFT JOIN checkpoints k ON k.cell_key = s.key AND k.checkpoint = s.checkpoint
JOIN evaluations i ON i.cell_key = s.key AND i.checkpoint = s.checkpoint AND i.split = 'test'
WHERE s.model IN ('ZS', 'R1(ZS)') AND (k.sha256 IS NULL OR k.sha256 = o.checkpoint_sha256)
