-- A row is one loss surface of a student of round 1 or 2 at one checkpoint on one split, beside the one of the chain's
-- teacher along the same random directions: the share of the points at which the loss is less than 1 above the
-- centre's. See claims/c13.sql, which this view runs.
CREATE VIEW claims_c13 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c13.sql
;
