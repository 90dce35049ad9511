-- A row is one table: where the rows of the literature stand.
-- anomaly: A15
-- tables: 1
-- says: Section 4 looks for the literature in "the bottom several rows": it has rows {first_row} to {last_row} of
--     {all_rows}.
SELECT
    NULL AS "row", NULL AS model, NULL AS metric, MIN(CASE WHEN arch IS NULL THEN "row" END) AS first_row,
    MAX(CASE WHEN arch IS NULL THEN "row" END) AS last_row, MAX("row") AS all_rows
FROM published WHERE source = :source
HAVING MAX(CASE WHEN arch IS NULL THEN "row" END) < MAX("row")
