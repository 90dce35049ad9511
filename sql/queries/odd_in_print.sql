-- What does the paper print that is odd?
-- A row is one row of its tables with a note on what is odd about it.
SELECT source, "row", architecture, dataset, data_aug, alpha, note
FROM published
WHERE note LIKE '%ANOMALY%' OR note LIKE '%below the original%' OR note LIKE '%counter-example%' OR note LIKE '%0.00%'
ORDER BY id
