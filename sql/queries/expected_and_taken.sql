-- How good was the forecast?
-- A row is one architecture, data set and device: hours expected and taken, of the cells of which both are known.
SELECT
    arch, dataset, device, COUNT(*) AS cells, SUM(expected_seconds) / 3600 AS expected_hours,
    SUM(seconds) / 3600 AS hours,
    SUM(seconds) / SUM(expected_seconds) AS taken_of_expected
FROM costs
WHERE expected_seconds IS NOT NULL
GROUP BY arch, dataset, device
ORDER BY hours DESC, arch, dataset, device
