-- How many seeds does each setting have, and how far do they spread?
-- :checkpoint = best_test -- best_test, best_val or last
-- A row is one setting at one checkpoint: n seeds, mean, standard deviation, and the standard error of the mean; the
-- widest first.
SELECT dataset, arch, aug, label_noise, protocol, alpha, model, n, mean, std, std / SQRT(n) AS stderr, setting
FROM summary
WHERE checkpoint = :checkpoint
ORDER BY CASE WHEN std IS NULL THEN 1 ELSE 0 END, std DESC, dataset, arch, aug, label_noise, protocol, alpha, model
