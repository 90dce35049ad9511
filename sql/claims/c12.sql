-- A row is one of the hundred largest eigenvalues of a student at one checkpoint on one split, beside the one of the
-- same rank of the chain's teacher (round 0). Reads `chosen`, which has the columns of `curvature_outcomes`.
SELECT
    s.protocol, s.dataset, s.label_noise, s.tau, s.teacher_checkpoint, s.arch, s.aug, s.alpha, s.seed, s.checkpoint,
    s.split, s.measure_key,
    s.model, es."rank", es.eigenvalue AS student_eigenvalue, et.eigenvalue AS teacher_eigenvalue
FROM chosen s
JOIN chosen t ON t.model = 'T' AND t.arch = s.arch AND t.dataset = s.dataset AND t.aug = s.aug
    AND t.label_noise = s.label_noise AND t.protocol = s.protocol AND t.seed = s.seed
    AND t.checkpoint = s.checkpoint AND t.split = s.split AND t.measure_key = s.measure_key
JOIN eigenvalues es ON es.cell_key = s.key AND es.checkpoint = s.checkpoint AND es.split = s.split
    AND es.measure_key = s.measure_key
JOIN eigenvalues et ON et.cell_key = t.key AND et.checkpoint = s.checkpoint AND et.split = s.split
    AND et.measure_key = s.measure_key AND et."rank" = es."rank"
WHERE s.model IN ('R1', 'R2', 'R3') AND es."rank" <= 100
