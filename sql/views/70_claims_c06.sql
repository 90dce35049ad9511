-- A row is one student of round 1 at one checkpoint on one split, beside its teacher: curvature of both, measured
-- alike. See claims/c06.sql, which this view runs.
CREATE VIEW claims_c6 AS
WITH chosen AS (SELECT * FROM curvature_outcomes)
@include claims/c06.sql
;
