-- A row is one table: how many rows are without AutoAugment and Cutout.
-- anomaly: A16
-- tables: 2, 3
-- says: Section 5.1 says that each model is trained with Cutout and AutoAugment; {plain} of {all_rows} rows say "No".
SELECT
    NULL AS "row", NULL AS model, NULL AS metric, COUNT(*) AS all_rows,
    SUM(CASE WHEN data_aug = 'No' THEN 1 ELSE 0 END) AS plain
FROM published WHERE source = :source AND model = 'T'
HAVING SUM(CASE WHEN data_aug = 'No' THEN 1 ELSE 0 END) > 0
