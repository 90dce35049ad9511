-- A row is one table: the best teacher without AutoAugment and Cutout.
-- anomaly: A26
-- tables: 1, 2, 3
-- says: "No" can hardly mean no augmentation at all: {teacher:.2f} % for {architecture} is what crop and flip reach
--     (Cutout's authors report 95.28 % for ResNet18 on CIFAR-10). Ours are trained with crop and flip.
SELECT NULL AS "row", NULL AS model, NULL AS metric, mean AS teacher, architecture
FROM published
WHERE source = :source AND model = 'T' AND data_aug = 'No' AND dataset_name = 'cifar10' AND arch = 'resnet18'
ORDER BY id
