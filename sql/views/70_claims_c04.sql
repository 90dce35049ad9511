-- A row is one student of round 1 at one checkpoint, with the number of models that taught it (1: a single teacher):
-- test accuracy in percent. See claims/c04.sql, which this view runs.
CREATE VIEW claims_c4 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c04.sql
;
