-- A row is one trained cell on one device: what was expected when its first attempt there was launched, and what all
-- its attempts there took. A device is named without the index of a GPU.
CREATE VIEW costs AS
SELECT
    t.key, t.label, t.arch, t.dataset, t.model, t.device, COUNT(*) AS attempts, SUM(t.seconds) AS seconds,
    SUM(CASE WHEN t.number = t.first_number THEN t.expected_seconds END) AS expected_seconds
FROM (
    SELECT
        c.key, c.label, c.arch, c.dataset, a.number, a.seconds, a.expected_seconds,
        c.model,
        CASE WHEN a.device LIKE 'cuda:%' THEN 'cuda' || SUBSTR(a.device, 7) ELSE a.device END AS device,
        MIN(a.number) OVER (
            PARTITION BY c.key, CASE WHEN a.device LIKE 'cuda:%' THEN 'cuda' || SUBSTR(a.device, 7) ELSE a.device END
        ) AS first_number
    FROM cells c
    JOIN attempts a ON a.cell_key = c.key
    WHERE a.device IS NOT NULL AND a.seconds IS NOT NULL
) t
GROUP BY t.key, t.label, t.arch, t.dataset, t.model, t.device;
