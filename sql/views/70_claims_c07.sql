-- A row is one student of round 1 at one checkpoint on one split, beside the SAM model of the same seed: curvature of
-- both, measured alike. See claims/c07.sql, which this view runs.
CREATE VIEW claims_c7 AS
WITH chosen AS (SELECT * FROM curvature_outcomes)
@include claims/c07.sql
;
