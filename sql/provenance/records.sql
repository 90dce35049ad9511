-- A row is one record file of a cell, and its SHA-256 when it was taken in. Reads `chosen`, which has the columns of
-- `cells`.
SELECT r.cell_key, r.path, r.sha256
FROM chosen c
JOIN records r ON r.cell_key = c.key
