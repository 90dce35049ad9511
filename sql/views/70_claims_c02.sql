-- A row is one chain of three rounds at one checkpoint: test accuracy of its four models in percent. See
-- claims/c02.sql, which this view runs.
CREATE VIEW claims_c2 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c02.sql
;
