-- A row is one student of a chain at one checkpoint on one split: how far its logits are from its teacher's. See
-- claims/c05.sql, which this view runs.
CREATE VIEW claims_c5 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c05.sql
;
