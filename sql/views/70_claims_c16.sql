-- A row is one student of round 1 beside its teacher, at the epoch that the test set chose (best_) and at the last
-- one: test accuracy in percent. See claims/c16.sql, which this view runs.
CREATE VIEW claims_c16 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c16.sql
;
