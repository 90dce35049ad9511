-- At which part of the training was the best epoch?
-- A row is one model of a study: the best epoch as a share of all its epochs, over n cells.
SELECT
    c.dataset, c.arch, c.aug, c.label_noise, c.protocol, c.model, COUNT(*) AS n, c.epochs,
    AVG(k.epoch * 1.0 / c.epochs) AS mean_share, MIN(k.epoch) AS earliest, MAX(k.epoch) AS latest
FROM cells c
JOIN checkpoints k ON k.cell_key = c.key AND k.checkpoint = 'best_test'
WHERE c.origin = 'trained'
GROUP BY c.dataset, c.arch, c.aug, c.label_noise, c.protocol, c.model, c.epochs
ORDER BY c.dataset, c.arch, c.aug, c.label_noise, c.protocol, c.model
