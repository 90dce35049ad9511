-- How far are students from the teachers that taught them?
-- :checkpoint = best_test -- best_test, best_val or last
-- :split = test -- train or test
-- A row is one study, alpha and round at one checkpoint on one split: distance of the logits and agreement, means over
-- n students.
SELECT
    s.dataset, s.arch, s.aug, s.label_noise, s.protocol, s.alpha, s.model, f.measure_key, COUNT(*) AS n,
    AVG(f.mse) AS mse, AVG(f.mse_centred) AS mse_centred, AVG(f.agreement) AS agreement, AVG(f.kl) AS kl
FROM cells s
JOIN fidelity f ON f.cell_key = s.key AND f.checkpoint = :checkpoint AND f.split = :split
GROUP BY s.dataset, s.arch, s.aug, s.label_noise, s.protocol, s.alpha, s.model, f.measure_key
ORDER BY s.dataset, s.arch, s.aug, s.label_noise, s.protocol, s.alpha, s.model, f.measure_key
