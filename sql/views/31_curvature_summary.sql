-- A row is one setting at one checkpoint on one split (see summaries/curvature_summary.sql, which this view runs).
CREATE VIEW curvature_summary AS
WITH chosen AS (SELECT * FROM curvature_outcomes)
@include summaries/curvature_summary.sql
;
