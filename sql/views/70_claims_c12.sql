-- A row is one of the hundred largest eigenvalues of a student at one checkpoint on one split, beside the one of the
-- same rank of the chain's teacher (round 0). See claims/c12.sql, which this view runs.
CREATE VIEW claims_c12 AS
WITH chosen AS (SELECT * FROM curvature_outcomes)
@include claims/c12.sql
;
