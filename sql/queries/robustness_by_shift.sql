-- How do models hold under corruptions and natural shifts?
-- :checkpoint = best_test -- best_test, best_val or last
-- A row is one model of a study under one shift and severity at one checkpoint: accuracy there and on the test set,
-- means over n cells.
SELECT
    o.dataset, o.arch, o.aug, o.label_noise, o.protocol, o.alpha, o.model, r.shift, r.severity, COUNT(*) AS n,
    AVG(o.top1) AS test_top1, AVG(r.top1) AS shifted_top1, AVG(r.ece) AS shifted_ece
FROM outcomes o
JOIN robustness r ON r.cell_key = o.key AND r.checkpoint = o.checkpoint
WHERE o.checkpoint = :checkpoint
GROUP BY o.dataset, o.arch, o.aug, o.label_noise, o.protocol, o.alpha, o.model, r.shift, r.severity
ORDER BY o.dataset, o.arch, o.aug, o.label_noise, o.protocol, o.alpha, o.model, r.shift, r.severity
