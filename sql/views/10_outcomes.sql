-- A row is one cell at one checkpoint: what it is, and its accuracy on the test set.
CREATE VIEW outcomes AS
SELECT
    c.key, c.setting, c.label, c.arch, c.dataset, c.aug, c.label_noise, c.protocol, c.tau, c.teacher_checkpoint,
    c.alpha, c.round, c.optimizer, c.seed, c.teacher_key, c.model, c.origin, c.method, c.members, c.teacher_members,
    e.checkpoint, e.top1, e.loss
FROM cells c
JOIN evaluations e ON e.cell_key = c.key AND e.split = 'test';
