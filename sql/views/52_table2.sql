-- A row is one row of the paper's Table 2 for one protocol and checkpoint: mean ± std over n seeds; published_* is what
-- the paper prints, *_difference ours less that.
CREATE VIEW table2 AS
SELECT
    "row", architecture, dataset, data_aug, alpha, protocol, checkpoint,
    teacher, teacher_std, teacher_n,
    r1, r1_std, r1_n, r2, r2_std, r2_n, r3, r3_std, r3_n, sam, sam_std, sam_n,
    published_teacher, published_teacher_std, published_r1, published_r1_std, published_r2, published_r2_std,
    published_r3, published_r3_std, published_sam, published_sam_std,
    teacher_difference, r1_difference, r2_difference, r3_difference, sam_difference
FROM paper_tables
WHERE source = 'Table 2';
