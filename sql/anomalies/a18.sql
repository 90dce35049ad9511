-- A row is one table: for which architectures it has SAM.
-- anomaly: A18
-- tables: 2, 3
-- says: Section 6 says that SAM was trained with a VGG16 and a ResNet18; {others} of {all_rows} rows with it are of
--     other architectures.
SELECT
    NULL AS "row", NULL AS model, NULL AS metric, COUNT(*) AS all_rows,
    SUM(CASE WHEN arch IN ('vgg16', 'resnet18') THEN 0 ELSE 1 END) AS others
FROM published WHERE source = :source AND model = 'SAM'
HAVING SUM(CASE WHEN arch IN ('vgg16', 'resnet18') THEN 0 ELSE 1 END) > 0
