-- A row is one row of the paper's Table 1 for one protocol and checkpoint: teacher and student of
-- round 1; published_* is what is printed, for the literature's rows too, *_difference ours less that.
CREATE VIEW table1 AS
SELECT
    "row", literature, architecture, dataset, data_aug, protocol, checkpoint,
    teacher, teacher_std, teacher_n,
    r1 AS student, r1_std AS student_std, r1_n AS student_n,
    published_teacher, published_r1 AS published_student,
    teacher_difference, r1_difference AS student_difference
FROM paper_tables
WHERE source = 'Table 1';
