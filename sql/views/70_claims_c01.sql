-- A row is one student of round 1 at one checkpoint, beside its teacher: test accuracy in percent. See claims/c01.sql,
-- which this view runs.
CREATE VIEW claims_c1 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c01.sql
;
