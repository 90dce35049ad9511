-- A row is one setting at one checkpoint on one split (see summaries/fidelity_summary.sql, which this view runs).
CREATE VIEW fidelity_summary AS
WITH chosen AS (SELECT * FROM fidelity_outcomes)
@include summaries/fidelity_summary.sql
;
