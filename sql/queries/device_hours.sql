-- How many hours did it take on which device, and how much of it was lost?
-- A row is one device, architecture and data set: cells, attempts, and hours in all, and of attempts that did not end
-- well.
SELECT
    CASE WHEN a.device LIKE 'cuda:%' THEN 'cuda' || SUBSTR(a.device, 7) ELSE a.device END AS device,
    c.arch, c.dataset, COUNT(DISTINCT a.cell_key) AS cells, COUNT(*) AS attempts, SUM(a.seconds) / 3600 AS hours,
    SUM(CASE WHEN a.status IN ('failed', 'stopped', 'lost') THEN a.seconds ELSE 0 END) / 3600 AS hours_not_ended_well
FROM attempts a
JOIN cells c ON c.key = a.cell_key
GROUP BY CASE WHEN a.device LIKE 'cuda:%' THEN 'cuda' || SUBSTR(a.device, 7) ELSE a.device END, c.arch, c.dataset
ORDER BY hours DESC, c.arch, c.dataset
