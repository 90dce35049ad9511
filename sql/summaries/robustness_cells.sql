-- A row is one cell at one checkpoint, measured in one way: accuracy without a shift, under corruptions (means over
-- severities, then over corruptions), and on test sets of other origin; its error under corruptions relative to its
-- teacher's on the same images, a mean over corruptions. Reads `chosen`, which has the columns of `robustness_outcomes`.
SELECT
    key, setting, label, dataset, arch, aug, label_noise, protocol, alpha, model, seed, checkpoint, measure_key,
    COUNT(family) AS corruptions, MAX(CASE WHEN shift = 'none' THEN n_samples END) AS n_samples,
    MAX(CASE WHEN shift = 'none' THEN top1 END) AS clean_top1,
    AVG(CASE WHEN family IS NOT NULL THEN top1 END) AS corrupted_top1,
    AVG(CASE WHEN family = 'noise' THEN top1 END) AS noise_top1,
    AVG(CASE WHEN family = 'blur' THEN top1 END) AS blur_top1,
    AVG(CASE WHEN family = 'digital' THEN top1 END) AS digital_top1,
    MAX(CASE WHEN shift = 'none' THEN top1 END) - AVG(CASE WHEN family IS NOT NULL THEN top1 END) AS gap,
    MAX(CASE WHEN shift = 'none' THEN teacher_top1 END) - AVG(CASE WHEN family IS NOT NULL THEN teacher_top1 END)
        AS teacher_gap,
    MAX(CASE WHEN shift = 'none' THEN top1 END) - AVG(CASE WHEN family IS NOT NULL THEN top1 END)
        - MAX(CASE WHEN shift = 'none' THEN teacher_top1 END)
        + AVG(CASE WHEN family IS NOT NULL THEN teacher_top1 END) AS gap_to_teacher,
    100 * AVG(CASE WHEN family IS NOT NULL AND teacher_top1 < 100 THEN (100 - top1) / (100 - teacher_top1) END)
        AS relative_error,
    MAX(CASE WHEN shift = 'none' THEN ece END) AS clean_ece,
    AVG(CASE WHEN family IS NOT NULL THEN ece END) AS corrupted_ece,
    MAX(CASE WHEN shift = 'cifar10.1' THEN top1 END) AS cifar101_top1,
    MAX(CASE WHEN shift = 'imagenetv2' THEN top1 END) AS imagenetv2_top1,
    MAX(CASE WHEN shift = 'none' THEN top1 END) - MAX(CASE WHEN shift = 'cifar10.1' THEN top1 END) AS cifar101_gap,
    MAX(CASE WHEN shift = 'none' THEN top1 END) - MAX(CASE WHEN shift = 'imagenetv2' THEN top1 END) AS imagenetv2_gap,
    MAX(attempt_id) AS attempt_id
FROM (
    SELECT
        key, setting, label, dataset, arch, aug, label_noise, protocol, alpha, model, seed, checkpoint, measure_key,
        shift, family, MAX(n_samples) AS n_samples, AVG(top1) AS top1, AVG(ece) AS ece, MAX(attempt_id) AS attempt_id,
        CASE WHEN COUNT(teacher_top1) = COUNT(*) THEN AVG(teacher_top1) END AS teacher_top1
    FROM chosen
    GROUP BY
        key, setting, label, dataset, arch, aug, label_noise, protocol, alpha, model, seed, checkpoint, measure_key,
        shift, family
) by_shift
GROUP BY
    key, setting, label, dataset, arch, aug, label_noise, protocol, alpha, model, seed, checkpoint, measure_key
