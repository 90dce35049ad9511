"""Where there are too many clusters to count, subsets of them are drawn: quickly, and the same for every test."""

import numpy as np

from sd.render.drawn_signs import DRAWS, DrawnSubsets
from sd.render.statistics import Clustered


def test_the_sums_are_those_of_bits_that_are_drawn_one_cluster_after_the_other() -> None:
    values = np.random.default_rng(0).normal(size=37)
    bits, expected = np.random.default_rng(20220617), np.zeros(DRAWS)
    for value in values:
        expected += value * bits.integers(0, 2, DRAWS, dtype=np.int8)
    drawn = DrawnSubsets()
    assert np.allclose(drawn.sums(values), expected, rtol=0, atol=1e-12)
    assert np.array_equal(drawn.sums(values[:5]), DrawnSubsets().sums(values[:5]))


def test_the_interval_holds_what_the_one_sided_tests_do_not_reject() -> None:
    draw = np.random.default_rng(3)
    data = Clustered(list(draw.normal(0.3, 1, 80)), [i % 40 for i in range(80)], list(draw.integers(0, 3, 80)))
    low, high = data.interval().low, data.interval().high
    assert data.above(low - 1e-9) <= 0.025 < data.above(low)
    assert data.below(high + 1e-9) <= 0.025 < data.below(high)


def test_thousands_of_clusters_have_an_interval() -> None:
    values = list(np.random.default_rng(1).normal(0.1, 1, 1200))
    interval = Clustered(values, range(1200)).interval()
    assert interval.low < np.mean(values) < interval.high
