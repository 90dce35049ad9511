-- Which attempts did not end well, and why?
-- A row is one attempt that failed, was stopped or was lost, the newest first.
SELECT
    c.label, a.number, a.status, a.error, a.host, a.job_id, a.restart_count, a.device, a.started_at,
    a.seconds, a.cell_key
FROM attempts a
LEFT JOIN cells c ON c.key = a.cell_key
WHERE a.status IN ('failed', 'stopped', 'lost')
ORDER BY a.started_at DESC, a.cell_key, a.number
