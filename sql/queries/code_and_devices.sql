-- With which code, and on what, were the numbers made?
-- A row is one version of the code on one host and device: attempts that ended well, and the cells that they are of.
SELECT
    code_version, code_clean, host, device, COUNT(*) AS attempts, COUNT(DISTINCT cell_key) AS cells,
    MIN(started_at) AS first, MAX(ended_at) AS last
FROM attempts
WHERE status = 'done'
GROUP BY code_version, code_clean, host, device
ORDER BY first, code_version, host, device
