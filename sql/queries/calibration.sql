-- Are students better calibrated than their teachers?
-- :checkpoint = best_test -- best_test, best_val or last
-- A row is one model of a study at one checkpoint: expected calibration error (a fraction), cross-entropy and accuracy,
-- means over n seeds.
SELECT
    c.dataset, c.arch, c.aug, c.label_noise, c.protocol, c.alpha, c.model, COUNT(*) AS n, AVG(e.ece) AS ece,
    AVG(e.loss) AS loss, AVG(e.top1) AS top1
FROM cells c
JOIN evaluations e ON e.cell_key = c.key AND e.split = 'test' AND e.checkpoint = :checkpoint
GROUP BY c.dataset, c.arch, c.aug, c.label_noise, c.protocol, c.alpha, c.model
ORDER BY c.dataset, c.arch, c.aug, c.label_noise, c.protocol, c.alpha, c.model
