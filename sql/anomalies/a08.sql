-- A row is one printed student that is sharper than the teacher.
-- anomaly: A8
-- tables: 4
-- says: Sharper than the teacher ({each}); Section 6 says that a single round results in a student with lower trace
--     and λmax than the teacher, and that later rounds only fluctuate around it.
-- each: {model} {metric} {student:g} after {teacher:g}
SELECT s."row", s.model, s.metric, s.mean AS student, t.mean AS teacher
FROM published s
JOIN published t ON t.source = s.source AND t.model = 'T' AND t.metric = s.metric
WHERE s.source = :source AND s.metric <> 'test_acc' AND s.model LIKE 'R%' AND s.mean > t.mean
ORDER BY s.id
