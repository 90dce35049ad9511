-- Figure 9. A row is one model at one checkpoint under one natural shift, or (without a `key`) one published model of the
-- testbed: top-1 accuracy in percent on the reference test set (`id_`) and on the shifted one (`ood_`). Reads `chosen`,
-- which has the columns of `outcomes`.
SELECT
    s.key, s.dataset, s.label_noise, s.protocol, s.arch, s.aug, s.tau, s.teacher_checkpoint, s.alpha, s.model, s.seed,
    s.checkpoint, o.split, o.measure_key,
    CASE WHEN o.shift = 'imagenetv2' THEN 'imagenet_v2' ELSE o.shift END AS testbed,
    NULL AS name, NULL AS family, i.top1 AS id_top1, i.n_samples AS id_images, o.top1 AS ood_top1, o.n_samples
FROM chosen s
JOIN robustness o ON o.cell_key = s.key AND o.checkpoint = s.checkpoint AND o.shift IN ('imagenetv2', 'cifar10.1')
LEFT JOIN checkpoints k ON k.cell_key = s.key AND k.checkpoint = s.checkpoint
JOIN evaluations i ON i.cell_key = s.key AND i.checkpoint = s.checkpoint AND i.split = 'test'
WHERE k.sha256 IS NULL OR k.sha256 = o.checkpoint_sha256
UNION ALL
SELECT
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL,
    t.testbed, t.name, t.family, t.id_top1, NULL, t.ood_top1, NULL
FROM testbeds t
