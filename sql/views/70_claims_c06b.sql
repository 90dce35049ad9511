-- A row is one chain at one checkpoint on one split: curvature of its students of rounds 1 to 3, measured alike. See
-- claims/c06b.sql, which this view runs.
CREATE VIEW claims_c6b AS
WITH chosen AS (SELECT * FROM curvature_outcomes)
@include claims/c06b.sql
;
