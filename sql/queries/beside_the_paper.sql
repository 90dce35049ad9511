-- Where do our numbers differ most from those that the paper prints?
-- :checkpoint = best_test -- best_test, best_val or last
-- A row is one accuracy of Tables 1 to 3 that was measured here at that checkpoint, with the difference; the largest
-- first.
SELECT source, "row", architecture, dataset, data_aug, alpha, protocol, model, ours, n, published, difference
FROM (
    SELECT source, "row", architecture, dataset, data_aug, alpha, protocol, checkpoint, 'T' AS model, teacher AS ours,
        teacher_n AS n, published_teacher AS published, teacher_difference AS difference FROM paper_tables
    UNION ALL
    SELECT source, "row", architecture, dataset, data_aug, alpha, protocol, checkpoint, 'R1', r1, r1_n,
        published_r1, r1_difference FROM paper_tables
    UNION ALL
    SELECT source, "row", architecture, dataset, data_aug, alpha, protocol, checkpoint, 'R2', r2, r2_n,
        published_r2, r2_difference FROM paper_tables
    UNION ALL
    SELECT source, "row", architecture, dataset, data_aug, alpha, protocol, checkpoint, 'R3', r3, r3_n,
        published_r3, r3_difference FROM paper_tables
    UNION ALL
    SELECT source, "row", architecture, dataset, data_aug, alpha, protocol, checkpoint, 'SAM', sam, sam_n,
        published_sam, sam_difference FROM paper_tables
) numbers
WHERE checkpoint = :checkpoint AND difference IS NOT NULL
ORDER BY ABS(difference) DESC, source, "row", protocol, model
