-- A row is one row of Table 1 whose data set is corrected here.
-- anomaly: A1
-- tables: 1
-- says: Printed as CIFAR-10, like the row above it ({above:.2f}); it can only be CIFAR-100, and is shown as that.
SELECT p."row", p.model, 'test_acc' AS metric, q.mean AS above
FROM published p
JOIN published q ON q.source = p.source AND q."row" = p."row" - 1 AND q.model = p.model
    AND q.architecture = p.architecture
WHERE p.source = :source AND p.note LIKE '%dataset printed as CIFAR-10%'
