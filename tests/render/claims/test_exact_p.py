"""The tests against brute force, and against scipy's own."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

from sd.render import rank_tests, statistics
from sd.render.statistics import Clustered, holm


def brute_force(sums: np.ndarray, bound: float = 0.0, weights: np.ndarray | None = None) -> tuple[float, float, float]:
    """Two-sided p, p of above and p of below, one sign assignment at a time."""
    shifted = sums - bound * (weights if weights is not None else np.full(len(sums), 1 / len(sums)))
    means = [
        sum(sign * value for sign, value in zip(signs, shifted, strict=True))
        for signs in product((1, -1), repeat=len(sums))
    ]
    observed = shifted.sum()
    eps = 1e-12
    count = len(means)
    return (
        sum(abs(m) >= abs(observed) - eps for m in means) / count,
        sum(m >= observed - eps for m in means) / count,
        sum(m <= observed + eps for m in means) / count,
    )


@pytest.mark.parametrize("seed", range(5))
def test_sign_flip_is_the_enumeration_of_all_signs(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = np.round(draw.normal(0.2, 1, 9), 1)  # with ties, as accuracies have
    data = Clustered(list(values), list(range(9)))
    two, above, below = brute_force(values / 9)
    assert data.two_sided() == two
    assert brute_force(values / 9, 0.1)[1:] == (data.above(0.1), data.below(0.1))
    assert (above, below) == (data.above(0.0), data.below(0.0))


@pytest.mark.parametrize("seed", range(3))
def test_sign_flip_is_scipys_permutation_test(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.5, 1, 10)
    theirs = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert Clustered(list(values), list(range(10))).two_sided() == pytest.approx(theirs.pvalue, abs=1e-12)


def test_clusters_flip_as_wholes_and_cells_count_alike() -> None:
    """Two cells, one of them with a seed less: the mean is that of the cells' means, and signs change by cluster."""
    rows = [("a", 0, 1.0), ("a", 1, 2.0), ("a", 2, 6.0), ("b", 0, -1.0), ("b", 1, 3.0)]
    data = Clustered([v for *_, v in rows], [s for _, s, _ in rows], [c for c, *_ in rows])
    assert data.mean == pytest.approx((3.0 + 1.0) / 2)
    sums = np.array([1 / 6 - 1 / 4, 2 / 6 + 3 / 4, 6 / 6])
    assert data.sums == pytest.approx(sums)
    assert data.two_sided() == brute_force(sums)[0]
    assert data.smallest_p == 0.25


@pytest.mark.parametrize("n", [6, 8, 11, 13, 21])
def test_the_interval_holds_just_what_the_test_does_not_reject(n: int) -> None:
    values = np.random.default_rng(n).normal(1, 1, n)
    data = Clustered(list(values), list(range(n)))
    low, high = data.interval().low, data.interval().high
    for inside, theta in ((True, low + 1e-6), (True, high - 1e-6), (False, low - 1e-6), (False, high + 1e-6)):
        p = Clustered(list(values - theta), list(range(n))).two_sided()
        assert (p > 0.05) == inside


def test_with_five_pairs_no_exact_test_decides_and_the_interval_says_that_it_is_students() -> None:
    data = Clustered([1.0, 1.1, 0.9, 1.2, 1.3], list(range(5)))
    assert data.two_sided() == data.smallest_p == 0.0625
    theirs = stats.ttest_1samp([1.0, 1.1, 0.9, 1.2, 1.3], 0).confidence_interval(0.95)
    assert (data.interval().low, data.interval().high) == pytest.approx((theirs.low, theirs.high))
    assert "normal" in data.interval().method
    assert "equal" in Clustered([1.0] * 5, list(range(5))).interval().method


def test_thirty_clusters_are_still_counted() -> None:
    """Against an exact computation of another kind: sums of whole numbers are distributed as a convolution."""
    values = np.random.default_rng(0).integers(-3, 7, 30)
    data = Clustered([float(value) for value in values], list(range(30)))
    ways = np.array([1], dtype=object)
    for value in np.abs(values):
        ways = np.convolve(ways, [1, *[0] * (2 * value - 1), 1] if value else [2])
    sums = np.arange(len(ways)) - int(np.abs(values).sum())
    expected = sum(int(way) for way, total in zip(ways, sums, strict=True) if abs(total) >= abs(values.sum())) / 2**30
    assert data.exact and data.two_sided() == pytest.approx(expected, rel=1e-12)


def test_beyond_thirty_two_clusters_signs_are_drawn_and_it_is_said() -> None:
    values = np.random.default_rng(0).normal(0.45, 1, 34)
    data = Clustered(list(values), list(range(34)))
    theirs = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=2**17, rng=1)
    assert not data.exact and not data.found().exact
    assert data.two_sided() == data.two_sided()
    assert data.two_sided() == pytest.approx(theirs.pvalue, rel=0.1)
    low, high = data.interval().low, data.interval().high
    theirs = stats.ttest_1samp(values, 0).confidence_interval()
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.05) and "drawn" in data.interval().method


def test_equivalence_is_the_larger_of_two_one_sided_tests() -> None:
    values = np.array([0.02, -0.03, 0.01, 0.04, -0.02, 0.03, -0.01])
    found = statistics.equivalence(Clustered(list(values), list(range(7))), 0.1)
    assert found.p == max(brute_force(values / 7, -0.1)[1], brute_force(values / 7, 0.1)[2]) == 2.0**-7
    assert statistics.equivalence(Clustered(list(values + 0.3), list(range(7))), 0.1).p > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_kendall_is_scipys_exact_one(seed: int) -> None:
    y = np.random.default_rng(seed).permutation(7)
    theirs = stats.kendalltau(range(7), y, method="exact")
    found = rank_tests.kendall([(range(7), list(map(float, y)))])
    assert (found.effect, found.p) == (pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue))


def test_kendall_over_blocks_with_ties_is_the_enumeration_of_all_orders() -> None:
    blocks = [([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 2.0, 3.0]), ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0])]

    def score(y: tuple[float, ...]) -> int:
        return sum(int(np.sign(y[j] - y[i])) for i in range(len(y)) for j in range(i + 1, len(y)))

    observed = score(tuple(blocks[0][1])) + score(tuple(blocks[1][1]))
    scores = [score(a) + score(b) for a in permutations(blocks[0][1]) for b in permutations(blocks[1][1])]
    expected = np.mean([abs(value) >= abs(observed) for value in scores])
    assert rank_tests.kendall(blocks).p == pytest.approx(expected)


def test_page_is_the_enumeration_of_all_orders() -> None:
    rows = [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [2.0, 4.0, 9.0]]
    ranks = [stats.rankdata(row) for row in rows]
    weights = np.arange(1, 4)
    observed = sum(float(rank @ weights) for rank in ranks)
    every = [
        sum(float(np.array(order) @ weights) for order in orders)
        for orders in product(permutations((1, 2, 3)), repeat=3)
    ]
    found = rank_tests.page(rows)
    assert found.p == pytest.approx(2 * np.mean(np.array(every) >= observed))
    assert found.smallest_p == pytest.approx(2 / 6**3)
    assert found.effect == pytest.approx(np.mean([stats.spearmanr(row, weights).statistic for row in rows]))
    assert rank_tests.page([row[::-1] for row in rows]).effect == pytest.approx(-found.effect)


def test_spearman_of_few_points_is_the_enumeration() -> None:
    x, y = [95.23, 95.94, 95.67, 95.17], [197.53, 205.79, 98.62, 271.71]
    rho, p = rank_tests.spearman_exact(x, y)
    every = [abs(stats.spearmanr(x, order).statistic) for order in permutations(y)]
    assert rho == pytest.approx(-0.4)
    assert p == pytest.approx(np.mean(np.array(every) >= 0.4 - 1e-9))


def test_fishers_z_of_one_stratum_is_spearmans_with_the_known_error() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=30), draw.normal(size=30)
    rho = stats.spearmanr(x, y).statistic
    found = rank_tests.spearman([(list(x), list(y))])
    assert found.effect == pytest.approx(rho)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(np.arctanh(rho)) * np.sqrt(27 / 1.06)))
    assert rank_tests.spearman([([1.0, 2.0], [1.0, 2.0]), ([1.0] * 9, list(range(9)))]).n == 0


def test_welch_and_the_paired_t_are_scipys() -> None:
    theirs = stats.ttest_ind_from_stats(95.84, 0.10, 3, 95.57, 0.15, 3, equal_var=False)
    found = statistics.welch((95.84, 0.10, 3), (95.57, 0.15, 3))
    assert (found.p, found.effect) == (pytest.approx(theirs.pvalue), pytest.approx(0.27))
    values = [0.3, 0.1, 0.5, 0.2]
    pair = statistics.paired_t(values)
    one = stats.ttest_1samp(values, 0)
    assert pair.p == pytest.approx(one.pvalue)
    assert pair.interval and pair.interval.low == pytest.approx(one.confidence_interval().low)
    assert statistics.welch((1.0, 0.0, 3), (1.0, 0.0, 3)).p == 1 and statistics.paired_t([0.0, 0.0]).p == 1


def test_binomial_is_scipys() -> None:
    assert statistics.binomial(17, 18).p == pytest.approx(stats.binomtest(17, 18).pvalue)
    assert statistics.binomial(5, 5).p == statistics.binomial(5, 5).smallest_p == 0.0625


def test_holm_on_the_textbooks_example() -> None:
    """Holm (1979) by hand: .01·4, .02·3, .03·2, .04 with the running maximum."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]


def test_observations_must_be_there_and_of_one_length() -> None:
    with pytest.raises(ValueError, match="not empty"):
        Clustered([], [])
    with pytest.raises(ValueError, match="one length"):
        Clustered([1.0, 2.0], [0])


def test_clusters_that_are_equal_but_for_rounding_have_an_interval_of_no_width() -> None:
    values = [0.1 + 0.2, 0.3, 0.30000000000000004, 0.3, 0.3, 0.3, 0.3]
    interval = Clustered(values, list(range(7))).interval()
    assert (interval.low, interval.high) == (pytest.approx(0.3), pytest.approx(0.3))
