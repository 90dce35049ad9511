-- A row is one student of round 1 at one checkpoint on one split, beside its teacher and the SAM model of the same
-- seed (NULL where there is none): the Hessian's second spectral moment (the mean of λ²) and λmax - λmin. See
-- claims/c11.sql, which this view runs.
CREATE VIEW claims_c11 AS
WITH chosen AS (SELECT * FROM curvature_outcomes)
@include claims/c11.sql
;
