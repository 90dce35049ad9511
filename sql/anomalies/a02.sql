-- A row is one number of Table 2 that Section 5.1 quotes with another value.
-- anomaly: A2
-- tables: 2
-- says: Section 5.1 quotes this row as 95.17 → 95.8 → 95.58 → 96.25. Printed is {t:.2f} → {r1:.2f} → {r2:.2f} →
--     {r3:.2f}; the last quoted is the SAM column ({sam:.2f}), the first stands in Table 4 (round 3, {svhn:.2f}).
SELECT 1 AS "row", m.model, 'test_acc' AS metric, n.t, n.r1, n.r2, n.r3, n.sam, s.mean AS svhn
FROM (
    SELECT
        "row", MAX(CASE WHEN model = 'T' THEN mean END) AS t, MAX(CASE WHEN model = 'R1' THEN mean END) AS r1,
        MAX(CASE WHEN model = 'R2' THEN mean END) AS r2, MAX(CASE WHEN model = 'R3' THEN mean END) AS r3,
        MAX(CASE WHEN model = 'SAM' THEN mean END) AS sam
    FROM published WHERE source = :source AND metric = 'test_acc' GROUP BY "row"
) n
JOIN (SELECT 'T' AS model UNION ALL SELECT 'R3') m ON 1 = 1
JOIN published s ON s.source = 'Table 4' AND s.model = 'R3' AND s.metric = 'test_acc'
WHERE n."row" = 1 AND n.t <> 95.17 AND n.r3 <> 96.25
ORDER BY m.model DESC
