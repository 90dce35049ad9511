-- A row is one trained model (teacher, student or SAM) at one checkpoint on one split: its test accuracy and
-- curvature. See claims/c14.sql, which this view runs.
CREATE VIEW claims_c14 AS
WITH chosen AS (SELECT * FROM curvature_outcomes)
@include claims/c14.sql
;
