-- How did a cell learn?
-- :cell -- its key or its label, as `below_teacher` and `lineage` print them
-- A row is one epoch of the cell.
SELECT e.epoch, e.learning_rate, e.train_loss, e.train_top1, e.test_loss, e.test_top1, e.val_loss, e.val_top1, e.seconds
FROM epochs e
JOIN cells c ON c.key = e.cell_key
WHERE c.key = :cell OR c.label = :cell
ORDER BY e.epoch
