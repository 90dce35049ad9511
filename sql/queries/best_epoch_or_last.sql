-- How much does choosing the epoch on the test set give?
-- A row is one model of a data set under one label noise: its accuracy at both checkpoints, and the difference (claim
-- C16), over n cells.
SELECT
    b.dataset, b.arch, b.label_noise, b.model, COUNT(*) AS n, AVG(b.top1) AS best_test, AVG(l.top1) AS last,
    AVG(b.top1 - l.top1) AS difference, MAX(b.top1 - l.top1) AS largest_difference
FROM outcomes b
JOIN outcomes l ON l.key = b.key AND l.checkpoint = 'last'
WHERE b.checkpoint = 'best_test'
GROUP BY b.dataset, b.arch, b.label_noise, b.model
ORDER BY b.dataset, b.arch, b.label_noise, b.model
