-- A row is one try at a cell, the first first. Reads `chosen`, which has the columns of `cells`.
SELECT
    a.id, a.cell_key, a.number, a.status, a.job_id, a.restart_count, a.host, a.device, a.threads, a.started_at,
    a.seconds, a.error, a.code_version, a.code_clean, a.versions_json
FROM chosen c
JOIN attempts a ON a.cell_key = c.key
