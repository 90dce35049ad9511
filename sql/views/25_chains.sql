-- A row is one chain at one checkpoint: the test accuracies in percent of its teacher and of its students of rounds 1
-- to 3, with their keys; NULL where a model is not there.
CREATE VIEW chains AS
SELECT
    r1.arch, r1.dataset, r1.aug, r1.label_noise, r1.protocol, r1.tau, r1.teacher_checkpoint, r1.alpha, r1.seed,
    r1.checkpoint, t.top1 AS teacher, r1.top1 AS r1, r2.top1 AS r2, r3.top1 AS r3,
    r1.teacher_key, r1.key AS r1_key, r2.key AS r2_key, r3.key AS r3_key
FROM outcomes r1
LEFT JOIN outcomes t ON t.key = r1.teacher_key AND t.checkpoint = r1.checkpoint
LEFT JOIN outcomes r2 ON r2.model = 'R2' AND r2.teacher_key = r1.key AND r2.checkpoint = r1.checkpoint
LEFT JOIN outcomes r3 ON r3.model = 'R3' AND r3.teacher_key = r2.key AND r3.checkpoint = r1.checkpoint
WHERE r1.model = 'R1';
