-- A row is one table: whether its arrows agree with its numbers.
-- anomaly: arrows
-- tables: 2, 3
-- says: {agreeing} of {all_arrows} printed arrows agree with the change against the previous round, which is what they
--     are taken to mean; against the first teacher {wrong} would be wrong.
WITH arrows AS (
    SELECT
        s.arrow, CASE WHEN s.mean > p.mean THEN 'up' WHEN s.mean < p.mean THEN 'down' ELSE 'same' END AS step,
        CASE WHEN s.mean > t.mean THEN 'up' WHEN s.mean < t.mean THEN 'down' ELSE 'same' END AS from_teacher
    FROM published s
    JOIN published t ON t.source = s.source AND t."row" = s."row" AND t.model = 'T'
    JOIN published p ON p.source = s.source AND p."row" = s."row"
        AND p.model = CASE s.model WHEN 'R1' THEN 'T' WHEN 'R2' THEN 'R1' ELSE 'R2' END
    WHERE s.source = :source AND s.arrow IS NOT NULL
)
SELECT
    NULL AS "row", NULL AS model, NULL AS metric, COUNT(*) AS all_arrows,
    SUM(CASE WHEN arrow = step THEN 1 ELSE 0 END) AS agreeing,
    SUM(CASE WHEN arrow = from_teacher THEN 0 ELSE 1 END) AS wrong
FROM arrows
