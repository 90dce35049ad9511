-- What does the paper print that was not measured here, under the paper’s own recipes?
-- :source = '' -- Table 1 … Table 5; all where it is not given
-- :checkpoint = best_test -- best_test, best_val or last
-- A row is one number of the paper's tables that has none of ours beside it at that checkpoint.
SELECT p.source, p."row", p.architecture, p.dataset, p.data_aug, p.alpha, p.model, p.metric, p.mean AS published
FROM published p
WHERE p.aug IS NOT NULL AND (:source = '' OR p.source = :source)
    AND NOT EXISTS (
        SELECT 1 FROM paper_models m
        WHERE p.metric = 'test_acc' AND m.arch = p.arch AND m.dataset = p.dataset_name AND m.aug = p.aug
            AND m.model = p.model AND m.checkpoint = :checkpoint
            AND (p.model IN ('T', 'SAM') OR m.alpha = COALESCE(p.alpha, 0.5))
            AND m.protocol = CASE
                WHEN p.arch LIKE 'vit_%' THEN 'vit_finetune'
                WHEN p.dataset_name IN ('svhn', 'tiny_imagenet') THEN p.dataset_name
                ELSE 'appendix_a'
            END
    )
    AND NOT EXISTS (
        SELECT 1 FROM curvature_tables c
        WHERE p.metric <> 'test_acc' AND c.source = p.source AND c."row" = p."row" AND c.checkpoint = :checkpoint
            AND c.trace IS NOT NULL AND c.protocol = p.dataset_name
    )
ORDER BY p.source, p."row", p.id
