-- A row is one teacher that is printed with a standard deviation of zero.
-- anomaly: A21
-- tables: 2
-- says: A standard deviation of {std:.2f} over three independent runs: these would agree to one test image.
SELECT "row", model, metric, std FROM published WHERE source = :source AND metric = 'test_acc' AND std = 0 ORDER BY id
