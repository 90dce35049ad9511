-- Who taught a cell, and who taught them?
-- :cell -- its key or its label
-- A row is one ancestor of the cell, teachers of one model, the oldest first, and the cell itself; with its checkpoint
-- that taught.
WITH RECURSIVE ancestors AS (
    SELECT c.key, c.label, c.teacher_key, c.teacher_checkpoint, c.teacher_sha256, 0 AS generations
    FROM cells c WHERE c.key = :cell OR c.label = :cell
    UNION ALL
    SELECT t.key, t.label, t.teacher_key, t.teacher_checkpoint, t.teacher_sha256, a.generations + 1
    FROM cells t JOIN ancestors a ON t.key = a.teacher_key
)
SELECT
    a.generations, a.label, b.top1 AS best_test, l.top1 AS last, a.teacher_checkpoint AS taught_by_checkpoint,
    a.teacher_sha256, a.key
FROM ancestors a
LEFT JOIN outcomes b ON b.key = a.key AND b.checkpoint = 'best_test'
LEFT JOIN outcomes l ON l.key = a.key AND l.checkpoint = 'last'
ORDER BY a.generations DESC
