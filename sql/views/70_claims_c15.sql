-- A row is one student of round 1 at one checkpoint, beside its teacher and the SAM model of the same seed: test
-- accuracy in percent. See claims/c15.sql, which this view runs.
CREATE VIEW claims_c15 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c15.sql
;
