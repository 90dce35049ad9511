-- How precise are the traces and eigenvalues, and how were they found?
-- A row is one estimator and backend: measurements, those that converged, and the largest relative errors among them.
SELECT
    trace_estimator, backend, COUNT(*) AS measurements, SUM(CASE WHEN converged THEN 1 ELSE 0 END) AS converged,
    MAX(trace_stderr / ABS(trace)) AS largest_trace_error,
    MAX(lambda_max_residual / ABS(lambda_max)) AS largest_residual,
    SUM(seconds) / 3600 AS hours
FROM curvature
WHERE trace <> 0 AND lambda_max <> 0
GROUP BY trace_estimator, backend
ORDER BY trace_estimator, backend
