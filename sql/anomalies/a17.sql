-- A row is one table: how many of its accuracies the test set has chosen.
-- anomaly: A17
-- tables: 1, 2, 3, 4, 5
-- says: Section 5.1 keeps the epoch with the highest test accuracy: each of the paper's {accuracies} accuracies here
--     was selected on the test set that it is reported on.
SELECT NULL AS "row", NULL AS model, NULL AS metric, COUNT(*) AS accuracies
FROM published WHERE source = :source AND metric = 'test_acc' AND arch IS NOT NULL
