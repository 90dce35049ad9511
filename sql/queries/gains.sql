-- How far is each round above its teacher, and in how many chains?
-- :checkpoint = best_test -- best_test, best_val or last
-- A row is one study, alpha and round: the mean gain in percentage points over the teacher of round 0, over n chains.
SELECT
    arch, dataset, aug, label_noise, protocol, alpha, 'R1' AS model, COUNT(r1 - teacher) AS n,
    AVG(r1 - teacher) AS mean_gain, MIN(r1 - teacher) AS smallest_gain,
    SUM(CASE WHEN r1 > teacher THEN 1 ELSE 0 END) AS chains_above
FROM chains WHERE checkpoint = :checkpoint GROUP BY arch, dataset, aug, label_noise, protocol, alpha
UNION ALL
SELECT
    arch, dataset, aug, label_noise, protocol, alpha, 'R2', COUNT(r2 - teacher), AVG(r2 - teacher),
    MIN(r2 - teacher), SUM(CASE WHEN r2 > teacher THEN 1 ELSE 0 END)
FROM chains WHERE checkpoint = :checkpoint AND r2 IS NOT NULL
GROUP BY arch, dataset, aug, label_noise, protocol, alpha
UNION ALL
SELECT
    arch, dataset, aug, label_noise, protocol, alpha, 'R3', COUNT(r3 - teacher), AVG(r3 - teacher),
    MIN(r3 - teacher), SUM(CASE WHEN r3 > teacher THEN 1 ELSE 0 END)
FROM chains WHERE checkpoint = :checkpoint AND r3 IS NOT NULL
GROUP BY arch, dataset, aug, label_noise, protocol, alpha
ORDER BY 1, 2, 3, 4, 5, 6, 7
