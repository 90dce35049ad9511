-- A row is one teacher without skip connections that is above the one with them.
-- anomaly: A20a
-- tables: 3
-- says: Without skip connections above the ResNet20 that has them ({each}); Li et al. (2018) report the reverse.
-- each: augmentation {data_aug}: {without_skip:.2f}, {with_skip:.2f}
SELECT p."row", p.model, p.metric, p.data_aug, p.mean AS without_skip, q.mean AS with_skip
FROM published p
JOIN published q ON q.source = p.source AND q.model = 'T' AND q.arch = 'resnet20' AND q.aug = p.aug
WHERE p.source = :source AND p.model = 'T' AND p.arch = 'resnet20_noskip' AND p.mean > q.mean
ORDER BY p."row"
