"""Exact tests and intervals for few, clustered observations; numpy and scipy, no torch."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor, inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from sd.render.drawn_signs import DRAWS, drawn_subsets, drawn_weights
from sd.render.subsets import Floats, count_at_most, subset_sums

EXACT_CLUSTERS = 32
"""Up to so many clusters every assignment of signs is counted: the sums over subsets of each half, 2¹⁶ at most, are
sorted and counted against each other, which takes a megabyte."""

# Up to so many clusters the means of all subsets are sorted for an interval; beyond, its ends are searched for.
_SORTED_CLUSTERS = 12

# The end of an interval that is searched for is found to this part of the way from the outermost cluster to the mean.
_RESOLUTION = 2.0**-32


@dataclass(frozen=True)
class Interval:
    """A confidence interval, and how it was found."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Found:
    """What a test found.

    Attributes:
        effect: the estimate.
        interval: 95 % confidence interval of it; ``None`` where there is none.
        p: two-sided.
        n: what was permuted, or counted: clusters, blocks or pairs.
        smallest_p: the smallest p that any data of this n could give.
        exact: whether p was counted rather than drawn or read off a distribution that the data only approach.
    """

    effect: float
    interval: Interval | None
    p: float
    n: int
    smallest_p: float
    exact: bool = True


class Clustered:
    """Observations in clusters: the weighted mean, and its distribution when whole clusters change their signs.

    Every cell counts alike, however many observations it has: an observation weighs 1 / (its cell's observations) /
    (cells). The null hypothesis is that a cluster's weighted sum is as likely as its negative; observations of one
    cluster, which share a teacher, may depend on each other in any way.

    Args:
        values: shape (observations,).
        clusters: the cluster of each.
        cells: the cell of each; ``None``: one cell.

    Raises:
        ValueError: there are no observations, or the lengths differ.
    """

    def __init__(
        self, values: Sequence[float], clusters: Sequence[Hashable], cells: Sequence[Hashable] | None = None
    ) -> None:
        cells = cells if cells is not None else [None] * len(values)
        if not len(values) or not len(values) == len(clusters) == len(cells):
            raise ValueError("values, clusters and cells must be of one length, and not empty")
        sizes = Counter(cells)
        weights = np.array([1 / (sizes[cell] * len(sizes)) for cell in cells])
        place = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
        index = np.array([place[cluster] for cluster in clusters])
        self.sums: Floats = np.zeros(len(place))
        self.weights: Floats = np.zeros(len(place))
        np.add.at(self.sums, index, weights * np.asarray(values, dtype=float))
        np.add.at(self.weights, index, weights)
        self.n = len(place)
        self.mean = float(self.sums.sum())

    @property
    def exact(self) -> bool:
        return self.n <= EXACT_CLUSTERS

    def two_sided(self) -> float:
        """p of a mean of 0: the share of sign assignments whose mean is at least as far from 0 as the observed one.

        To change the signs of a subset with the sum S makes the total T − 2S: further from 0, or as far, where S lies
        outside 0 … T. As the complement of a subset has the sum T − S, half of these lie on either side.
        """
        total, eps = self.mean, _rounding(self.sums, 0.0)
        low, high = min(total, 0.0) + eps, max(total, 0.0) - eps
        if low >= high:
            return 1.0
        if self.exact:
            return count_at_most(self.sums, low) / 2.0 ** (self.n - 1)
        totals, _ = self._drawn
        return _drawn_share((totals <= low) | (totals >= high))

    def above(self, bound: float) -> float:
        """One-sided p against the mean being ``bound`` or less."""
        if self.exact:
            return _counted_share(self.sums, self.weights, bound)
        totals, weighed = self._drawn
        return _drawn_share(totals - bound * weighed <= _rounding(self.sums, bound))

    def below(self, bound: float) -> float:
        """One-sided p against the mean being ``bound`` or more."""
        if self.exact:
            return _counted_share(-self.sums, self.weights, -bound)
        totals, weighed = self._drawn
        return _drawn_share(bound * weighed - totals <= _rounding(self.sums, bound))

    def interval(self, level: float = 0.95) -> Interval:
        """Confidence interval of the mean.

        The sign-flip test inverted: θ is inside unless the values less θ are rejected. With subsets A of clusters and
        their means m(A), the one-sided p of θ is the share of subsets with m(A) ≤ θ, so the ends are order statistics
        of m(A) (Hartigan 1969): exact at any n, whatever the distribution, as long as it is symmetric, and in accord
        with the test that decides. Below six clusters it is unbounded at 95 %; Student's t over the clusters is given
        instead, which takes the clusters to be normal, and says so.
        """
        rank = int((1 - level) / 2 * 2.0 ** min(self.n, EXACT_CLUSTERS) * (1 + 1e-12))
        if rank < 1:
            return self._students_t(level)
        how = "exact, by inverting the sign-flip test" if self.exact else "sign-flip test inverted on drawn signs"
        if self.n <= _SORTED_CLUSTERS:
            means = np.sort(subset_sums(self.sums)[1:] / subset_sums(self.weights)[1:])
            return Interval(float(means[rank - 1]), float(means[-rank]), how)
        if self.exact:
            low = _searched_end(self.sums, self.weights, (1 - level) / 2)
            return Interval(low, -_searched_end(-self.sums, self.weights, (1 - level) / 2), how)
        return Interval(*_drawn_ends(*self._drawn, (1 - level) / 2), how)

    @property
    def smallest_p(self) -> float:
        """Of a two-sided test: every cluster on one side."""
        return min(1.0, 2.0 ** (1 - self.n))

    def spread(self) -> float:
        """Standard deviation between clusters, of what one cluster of average weight adds: mean ± spread / √n."""
        return _clustered_error(self.sums, self.weights) * sqrt(self.n) if self.n > 1 else inf

    def found(self) -> Found:
        """The two-sided test of a mean of 0."""
        return Found(self.mean, self.interval(), self.two_sided(), self.n, self.smallest_p, self.exact)

    @cached_property
    def _drawn(self) -> tuple[Floats, Floats]:
        """Sums and weights of drawn subsets, from which those of any bound follow: two of shape (DRAWS,)."""
        return drawn_subsets().sums(self.sums), drawn_weights(self.weights)

    def _students_t(self, level: float) -> Interval:
        if self.n < 2:
            return Interval(-inf, inf, "none: one cluster has no spread")
        error = _clustered_error(self.sums, self.weights)
        if error < 1e-9 * float(np.abs(self.sums).sum()):
            return Interval(-inf, inf, "none: all clusters are equal")
        half = float(stats.t.ppf(0.5 + level / 2, self.n - 1)) * error
        return Interval(self.mean - half, self.mean + half, "t over clusters, which takes them to be normal")


def _rounding(sums: Floats, bound: float) -> float:
    """Sums of these less a bound that are so close are equal but for rounding."""
    return 1e-12 * float(np.abs(sums).sum() + abs(bound))


def _counted_share(sums: Floats, weights: Floats, bound: float) -> float:
    """Share of the subsets of clusters whose mean is ``bound`` or less, the empty one among them."""
    return count_at_most(sums - bound * weights, _rounding(sums, bound)) / 2.0 ** len(sums)


def _drawn_share(extreme: NDArray[np.bool_]) -> float:
    """Share of the drawn subsets that are as extreme as the one observed, which counts as one of them."""
    return (int(np.count_nonzero(extreme)) + 1) / (DRAWS + 1)


def _searched_end(sums: Floats, weights: Floats, alpha: float) -> float:
    """Where that share, a step function of the bound, comes above alpha on the way from the lowest cluster to the
    mean."""
    lowest, mean = float((sums / weights).min()), float(sums.sum())
    if _counted_share(sums, weights, lowest) > alpha:
        return lowest
    if _counted_share(sums, weights, mean) <= alpha:
        return mean
    xtol = _RESOLUTION * (mean - lowest)
    return float(optimize.brentq(lambda b: _counted_share(sums, weights, b) - alpha, lowest, mean, xtol=xtol))


def _drawn_ends(totals: Floats, weighed: Floats, alpha: float) -> tuple[float, float]:
    """Both ends of an interval from drawn subsets: order statistics of their means, as θ is rejected from below as
    long as few of them are θ or less. The empty subset counts at every θ."""
    means = totals[weighed > 0] / weighed[weighed > 0]
    rank = max(floor(alpha * (DRAWS + 1)) - (DRAWS - len(means)), 1)
    ordered = np.partition(means, (rank - 1, len(means) - rank))
    return float(ordered[rank - 1]), float(ordered[len(means) - rank])


def _clustered_error(sums: Floats, weights: Floats) -> float:
    """Standard error of the mean: the clusters' deviations, Σ (D − w·mean)², with the factor n / (n − 1)."""
    n = len(sums)
    deviations = sums - weights * sums.sum()
    return sqrt(n / (n - 1) * float((deviations**2).sum()))


def equivalence(data: Clustered, margin: float) -> Found:
    """TOST by two one-sided sign-flip tests: p is the larger one, against the mean being ``margin`` or more from 0.

    The interval is the 95 % one; the smallest p is one-sided, 2⁻ⁿ.
    """
    p = max(data.above(-margin), data.below(margin))
    return Found(data.mean, data.interval(), p, data.n, 2.0**-data.n, data.exact)


def paired_t(values: Sequence[float]) -> Found:
    """Student's t of differences, two-sided; with equal values p is 0, or 1 if they are 0. Takes them to be normal."""
    data = np.asarray(values, dtype=float)
    if len(data) < 2:
        return Found(float(data.mean()), None, 1.0, len(data), 1.0, exact=False)
    error = float(data.std(ddof=1)) / sqrt(len(data))
    mean = float(data.mean())
    half = float(stats.t.ppf(0.975, len(data) - 1)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, len(data) - 1)) if error else float(mean == 0)
    return Found(mean, Interval(mean - half, mean + half, "t, which takes them to be normal"), p, len(data), 0.0, False)


def welch(a: tuple[float, float, int], b: tuple[float, float, int]) -> Found:
    """Welch's test of mean(a) − mean(b), each given as (mean, sample standard deviation, n)."""
    (mean_a, std_a, n_a), (mean_b, std_b, n_b) = a, b
    effect, one, other = mean_a - mean_b, std_a**2 / n_a, std_b**2 / n_b
    error = sqrt(one + other)
    if not error:
        return Found(effect, None, float(effect == 0), n_a + n_b, 0.0, exact=False)
    freedom = (one + other) ** 2 / (one**2 / (n_a - 1) + other**2 / (n_b - 1))
    half = float(stats.t.ppf(0.975, freedom)) * error
    p = float(2 * stats.t.sf(abs(effect) / error, freedom))
    return Found(effect, Interval(effect - half, effect + half, "Welch's t"), p, n_a + n_b, 0.0, exact=False)


def binomial(successes: int, n: int) -> Found:
    """Exact two-sided test of a share of ½, with the Clopper–Pearson interval."""
    result = stats.binomtest(successes, n)
    low, high = result.proportion_ci()
    interval = Interval(float(low), float(high), "Clopper–Pearson")
    return Found(successes / n, interval, float(result.pvalue), n, min(1.0, 2.0 ** (1 - n)))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p, in the order given."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = largest
    return [float(value) for value in adjusted]
