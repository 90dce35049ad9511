-- A row is one setting at one checkpoint, over all its seeds (see summaries/summary.sql, which this view runs).
CREATE VIEW summary AS
WITH chosen AS (SELECT * FROM outcomes)
@include summaries/summary.sql
;
