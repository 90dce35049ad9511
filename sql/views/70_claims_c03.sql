-- A row is one born-again ensemble at one checkpoint, beside the ensemble of as many models trained from scratch that
-- stands under the same seed: test accuracy in percent. See claims/c03.sql, which this view runs.
CREATE VIEW claims_c3 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c03.sql
;
