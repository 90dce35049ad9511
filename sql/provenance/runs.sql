-- A row is one cell at one checkpoint: its scores on the test set with the attempt that found it, the file of the checkpoint, and
-- who taught it. Reads `chosen`, which has the columns of `cells`.
SELECT
    c.key, c.setting, c.label, c.model, c.seed, c.teacher_key, c.teacher_checkpoint, c.teacher_sha256,
    t.label AS teacher_label, e.checkpoint, e.top1, e.loss, e.ece, e.brier,
    e.attempt_id, k.epoch, k.sha256
FROM chosen c
JOIN evaluations e ON e.cell_key = c.key AND e.split = 'test'
LEFT JOIN checkpoints k ON k.cell_key = c.key AND k.checkpoint = e.checkpoint
LEFT JOIN cells t ON t.key = c.teacher_key
