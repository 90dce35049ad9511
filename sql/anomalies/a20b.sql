-- A row is one student whose standard deviation is more than three times that of any other.
-- anomaly: A20b
-- tables: 3
-- says: Its standard deviation, {std:.2f}, is {least:.0f} to {most:.0f} times those of the other students of this
--     table.
WITH students AS (
    SELECT "row", model, metric, std FROM published
    WHERE source = :source AND model IN ('R1', 'R2', 'R3') AND metric = 'test_acc'
)
SELECT
    s."row", s.model, s.metric, s.std, s.std / MAX(o.std) AS least, s.std / MIN(o.std) AS most
FROM students s
JOIN students o ON o."row" <> s."row" OR o.model <> s.model
GROUP BY s."row", s.model, s.metric, s.std
HAVING s.std > 3 * MAX(o.std)
