-- A row is one table: whether its numbers carry an uncertainty.
-- anomaly: A11
-- tables: 4, 5
-- says: None of the {numbers} numbers has a standard deviation, and nothing says how many runs they are of.
SELECT NULL AS "row", NULL AS model, NULL AS metric, COUNT(*) AS numbers
FROM published WHERE source = :source
HAVING COUNT(std) = 0
