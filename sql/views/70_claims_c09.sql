-- A row is one CLIP teacher, or one student of round 1 of it, at one checkpoint under one natural shift: top-1 accuracy
-- in percent on the reference and on the shifted test set, and the number of images of each. See claims/c09.sql, which
-- this view runs.
CREATE VIEW claims_c9 AS
WITH chosen AS (SELECT * FROM outcomes)
@include claims/c09.sql
;
