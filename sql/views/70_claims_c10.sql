-- A row is one CLIP teacher, or one student of round 1 of it, as in claims_c9: C10 asks the same rows how they change
-- with alpha. See claims/c09.sql, which this view runs.
CREATE VIEW claims_c10 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c09.sql
;
