-- A row is one setting at one checkpoint on one split (see summaries/calibration_summary.sql, which this view runs).
CREATE VIEW calibration_summary AS
WITH chosen AS (SELECT * FROM calibration_outcomes)
@include summaries/calibration_summary.sql
;
