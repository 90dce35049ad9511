-- A row is one row of the paper's Tables 1, 2 or 3 and, for one protocol and checkpoint, what was measured for it here:
-- test accuracy in percent, sample standard deviation, number of seeds. Without measured cells there is one row with
-- NULL for protocol, checkpoint and all of ours. Table 1 prints no alpha; its CNN rows are alpha = 0.5 (spec A13).
-- Ours counts only clean labels, tau = 4 and teachers at best_test: what the paper does.
CREATE VIEW paper_tables AS
WITH paper AS (
    SELECT
        source, "row", literature, architecture, dataset, data_aug, arch, dataset_name, aug,
        COALESCE(MAX(alpha), 0.5) AS alpha_taught, MAX(alpha) AS alpha,
        MAX(CASE WHEN model = 'T' THEN mean END) AS published_teacher,
        MAX(CASE WHEN model = 'T' THEN std END) AS published_teacher_std,
        MAX(CASE WHEN model = 'R1' THEN mean END) AS published_r1,
        MAX(CASE WHEN model = 'R1' THEN std END) AS published_r1_std,
        MAX(CASE WHEN model = 'R2' THEN mean END) AS published_r2,
        MAX(CASE WHEN model = 'R2' THEN std END) AS published_r2_std,
        MAX(CASE WHEN model = 'R3' THEN mean END) AS published_r3,
        MAX(CASE WHEN model = 'R3' THEN std END) AS published_r3_std,
        MAX(CASE WHEN model = 'SAM' THEN mean END) AS published_sam,
        MAX(CASE WHEN model = 'SAM' THEN std END) AS published_sam_std
    FROM published
    WHERE source IN ('Table 1', 'Table 2', 'Table 3') AND metric = 'test_acc'
    GROUP BY source, "row", literature, architecture, dataset, data_aug, arch, dataset_name, aug
),
ours AS (
    SELECT * FROM summary
    WHERE label_noise = 0 AND (model IN ('T', 'SAM') OR (tau = 4 AND teacher_checkpoint = 'best_test'))
),
studies AS (SELECT DISTINCT arch, dataset, aug, protocol, checkpoint FROM ours)
SELECT
    p.source, p."row", p.literature, p.architecture, p.dataset, p.data_aug, p.alpha, s.protocol, s.checkpoint,
    t.mean AS teacher, t.std AS teacher_std, t.n AS teacher_n,
    r1.mean AS r1, r1.std AS r1_std, r1.n AS r1_n,
    r2.mean AS r2, r2.std AS r2_std, r2.n AS r2_n,
    r3.mean AS r3, r3.std AS r3_std, r3.n AS r3_n,
    m.mean AS sam, m.std AS sam_std, m.n AS sam_n,
    p.published_teacher, p.published_teacher_std, p.published_r1, p.published_r1_std,
    p.published_r2, p.published_r2_std, p.published_r3, p.published_r3_std, p.published_sam, p.published_sam_std
FROM paper p
LEFT JOIN studies s ON s.arch = p.arch AND s.dataset = p.dataset_name AND s.aug = p.aug
LEFT JOIN ours t ON t.model = 'T'
    AND t.arch = s.arch AND t.dataset = s.dataset AND t.aug = s.aug AND t.protocol = s.protocol AND t.checkpoint = s.checkpoint
LEFT JOIN ours m ON m.model = 'SAM'
    AND m.arch = s.arch AND m.dataset = s.dataset AND m.aug = s.aug AND m.protocol = s.protocol AND m.checkpoint = s.checkpoint
LEFT JOIN ours r1 ON r1.model = 'R1' AND r1.alpha = p.alpha_taught
    AND r1.arch = s.arch AND r1.dataset = s.dataset AND r1.aug = s.aug AND r1.protocol = s.protocol AND r1.checkpoint = s.checkpoint
LEFT JOIN ours r2 ON r2.model = 'R2' AND r2.alpha = p.alpha_taught
    AND r2.arch = s.arch AND r2.dataset = s.dataset AND r2.aug = s.aug AND r2.protocol = s.protocol AND r2.checkpoint = s.checkpoint
LEFT JOIN ours r3 ON r3.model = 'R3' AND r3.alpha = p.alpha_taught
    AND r3.arch = s.arch AND r3.dataset = s.dataset AND r3.aug = s.aug AND r3.protocol = s.protocol AND r3.checkpoint = s.checkpoint;
