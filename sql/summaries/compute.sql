-- A row is one kind of device: how many attempts ran on it, of how many cells, how they ended, and the hours that they
-- were busy; an attempt that was lost counts until its last sign of life. Thread-hours are hours times CPU threads. A
-- device is named without the index of a GPU. Reads `chosen`, which has the columns of `attempts`.
SELECT
    t.kind, COUNT(*) AS attempts, COUNT(DISTINCT t.cell_key) AS cells, COUNT(DISTINCT t.host) AS hosts,
    SUM(CASE WHEN t.status = 'done' THEN 1 ELSE 0 END) AS done,
    SUM(CASE WHEN t.status = 'failed' THEN 1 ELSE 0 END) AS failed,
    SUM(CASE WHEN t.status IN ('stopped', 'lost') THEN 1 ELSE 0 END) AS interrupted,
    SUM(CASE WHEN t.status = 'running' THEN 1 ELSE 0 END) AS running,
    COALESCE(SUM(t.seconds), 0) / 3600 AS hours,
    COALESCE(SUM(t.seconds * COALESCE(t.threads, 1)), 0) / 3600 AS thread_hours,
    MIN(t.started_at) AS first_start, MAX(t.ended_at) AS last_end
FROM (
    SELECT
        chosen.cell_key, chosen.host, chosen.status, chosen.seconds, chosen.threads, chosen.started_at, chosen.ended_at,
        CASE
            WHEN chosen.device LIKE 'cuda:%' THEN 'cuda' || SUBSTR(chosen.device, 7)
            ELSE COALESCE(chosen.device, 'unknown')
        END AS kind
    FROM chosen
) t
GROUP BY t.kind
ORDER BY hours DESC, t.kind
