-- Do flatter models generalise better?
-- :checkpoint = best_test -- best_test, best_val or last
-- :split = train -- train or test
-- A row is one model at one checkpoint on one split: test accuracy beside trace, largest eigenvalue, relative trace and
-- sharpness.
SELECT label, measure_key, top1, trace, trace_stderr, lambda_max, relative_trace, sharpness, converged, key
FROM curvature_outcomes
WHERE checkpoint = :checkpoint AND split = :split
ORDER BY dataset, arch, aug, label_noise, protocol, top1 DESC, label, measure_key
