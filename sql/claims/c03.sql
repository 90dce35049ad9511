-- A row is one born-again ensemble at one checkpoint, beside the ensemble of as many models trained from scratch that
-- stands under the same seed: test accuracy in percent. Reads `chosen`, which has the columns of `outcomes`.
SELECT
    b.protocol, b.dataset, b.label_noise, b.tau, b.arch, b.aug, b.alpha, b.seed, b.checkpoint,
    CAST(SUBSTR(b.model, 4) AS INTEGER) AS size, e.top1 AS ensemble, b.top1 AS ban, e.top1 - b.top1 AS gap
FROM chosen b
JOIN chosen e ON e.model = 'E' || SUBSTR(b.model, 4) AND e.arch = b.arch AND e.dataset = b.dataset
    AND e.aug = b.aug AND e.label_noise = b.label_noise AND e.protocol = b.protocol AND e.seed = b.seed
    AND e.checkpoint = b.checkpoint
WHERE b.model LIKE 'BAN%' AND b.model NOT LIKE '% %' AND b.model NOT LIKE '%(%'
