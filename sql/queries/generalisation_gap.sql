-- How much better are models on the images that they were trained on?
-- :checkpoint = best_test -- best_test, best_val or last
-- A row is one model of a study at one checkpoint: accuracy on both splits and the difference, means over n seeds.
SELECT
    c.dataset, c.arch, c.aug, c.label_noise, c.protocol, c.alpha, c.model, COUNT(*) AS n, AVG(a.top1) AS train_top1,
    AVG(e.top1) AS test_top1, AVG(a.top1 - e.top1) AS gap
FROM cells c
JOIN evaluations e ON e.cell_key = c.key AND e.split = 'test' AND e.checkpoint = :checkpoint
JOIN evaluations a ON a.cell_key = c.key AND a.split = 'train' AND a.checkpoint = e.checkpoint
GROUP BY c.dataset, c.arch, c.aug, c.label_noise, c.protocol, c.alpha, c.model
ORDER BY c.dataset, c.arch, c.aug, c.label_noise, c.protocol, c.alpha, c.model
