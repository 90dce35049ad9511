-- A row is one cell at one checkpoint on one split: how well its probabilities fit the labels.
CREATE VIEW calibration_outcomes AS
SELECT
    c.key, c.setting, c.label, c.model, c.alpha, c.seed, e.checkpoint, e.split, e.n_samples, e.top1, e.loss, e.ece,
    e.brier
FROM cells c
JOIN evaluations e ON e.cell_key = c.key;
