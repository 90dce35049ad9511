-- Which students are below the teacher that taught them?
-- :checkpoint = best_test -- best_test, best_val or last
-- A row is one such student at one checkpoint, the furthest below first.
SELECT s.label, s.checkpoint, t.top1 AS teacher, s.top1 AS student, s.top1 - t.top1 AS difference, s.key, s.teacher_key
FROM outcomes s
JOIN outcomes t ON t.key = s.teacher_key AND t.checkpoint = s.checkpoint
WHERE s.checkpoint = :checkpoint AND s.top1 < t.top1
ORDER BY s.top1 - t.top1, s.label
