-- A row is one teacher at one checkpoint, of an architecture that the paper's Table 1 has on this data set, beside the
-- best student that the literature in Table 1 reports on it. See claims/c00.sql, which this view runs.
CREATE VIEW claims_c0 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c00.sql
;
