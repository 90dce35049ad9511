-- A row is one architecture on one data set and device: how many cells, how many attempts these took, and the hours that
-- were expected and taken, of the cells of which both are known. Reads `chosen`, which has the columns of `costs`.
SELECT
    arch, dataset, device, COUNT(*) AS cells, SUM(attempts) AS attempts, SUM(seconds) / 3600 AS hours,
    COUNT(expected_seconds) AS expected_cells, SUM(expected_seconds) / 3600 AS expected_hours,
    SUM(CASE WHEN expected_seconds IS NOT NULL THEN seconds END) / 3600 AS hours_of_expected
FROM chosen
GROUP BY arch, dataset, device
