-- A row is one table: which of the announced models it has.
-- anomaly: A14
-- tables: 1
-- says: Section 4 announces ResNet18 and VGG16 on CIFAR-10 and CIFAR-100. No row of the paper's own is VGG16 on
--     CIFAR-100, and {vits} of its {own} own rows are ViTs.
SELECT
    NULL AS "row", NULL AS model, NULL AS metric, COUNT(*) AS own,
    SUM(CASE WHEN architecture LIKE 'ViT%' THEN 1 ELSE 0 END) AS vits
FROM published
WHERE source = :source AND model = 'T' AND arch IS NOT NULL
HAVING SUM(CASE WHEN arch = 'vgg16' AND dataset_name = 'cifar100' THEN 1 ELSE 0 END) = 0
