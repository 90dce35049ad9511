-- A row is one cell at one checkpoint, measured in one way: accuracy without a shift, under corruptions, and on test
-- sets of other origin (see summaries/robustness_cells.sql, which this view runs).
CREATE VIEW robustness_cells AS
WITH chosen AS (SELECT * FROM robustness_outcomes)
@include summaries/robustness_cells.sql
;
