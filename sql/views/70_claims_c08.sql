-- A row is one teacher trained with AutoAugment and Cutout at one checkpoint on one split, beside the one of the same
-- seed trained without: curvature of both, measured alike. See claims/c08.sql, which this view runs.
CREATE VIEW claims_c8 AS
WITH chosen AS (SELECT * FROM curvature_outcomes)
@include claims/c08.sql
;
