"""On simulated data: false verdicts are as rare as promised, planted effects are found, intervals cover.

2,000 null data sets for each kind of part; a count must lie within the 99 % binomial interval of its true rate, which
of an exact test is the largest attainable level below 5 %.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sd.render.claims.part import (
    Correlation,
    Difference,
    Equivalence,
    EveryCell,
    EveryModel,
    Part,
    Rounds,
    Slope,
    Trend,
)
from sd.render.claims.robustness import Line, _p_of_shares
from sd.render.claims.study import cell_of, cluster_of
from sd.render.sample_size import clusters_for_difference, clusters_for_equivalence, points_for_correlation
from sd.render.statistics import Clustered, holm

SETS = 2_000
SEEDS = 4
AUGS = ("std", "aa_cutout")
ALPHAS = (0.2, 0.5, 0.8)
Rows = list[dict[str, Any]]


def bounds(rate: float) -> tuple[float, float]:
    low, high = stats.binom.interval(0.99, SETS, rate)
    return float(low), float(high)


def study(draw: np.random.Generator, *, effect: float = 0.0) -> Rows:
    """Eight clusters of two augmentations, in each three α that share their teacher's luck, which is heavy-tailed."""
    rows: Rows = []
    for aug in AUGS:
        for seed in range(SEEDS):
            shared = draw.standard_t(3) * (1 if aug == "std" else 2)
            for alpha in ALPHAS:
                value = effect + shared + 0.3 * draw.normal()
                rows.append(row(seed=seed, aug=aug, alpha=alpha) | {"d": value})
    return rows


def row(*, seed: int, aug: str = "std", alpha: float = 0.5) -> dict[str, Any]:
    return {"protocol": "p", "arch": "a", "dataset": "digits", "aug": aug, "seed": seed, "alpha": alpha}


def verdicts(part: Part, sets: Iterator[Rows]) -> tuple[int, int]:
    """How often a part is found to speak for and against its claim at 5 %."""
    found = [part.find(rows) for rows in sets]
    small = [f.supports for f in found if f and f.found.p < 0.05]
    return sum(small), len(small) - sum(small)


def many(make: Callable[[np.random.Generator], Rows], seed: int, sets: int = SETS) -> Iterator[Rows]:
    draw = np.random.default_rng(seed)
    for _ in range(sets):
        yield make(draw)


def of(name: str) -> Callable[[Any], float | None]:
    return lambda row: row[name]


def attainable(n: int) -> float:
    """The largest level below .05 of a two-sided sign-flip test of n clusters."""
    return int(np.ceil(0.05 * 2 ** (n - 1)) - 1) / 2 ** (n - 1)


def test_difference_of_clusters_that_share_a_teacher() -> None:
    supported, contradicted = verdicts(Difference("d", of("d"), 1), many(study, 1))
    low, high = bounds(attainable(8))
    assert low <= supported + contradicted <= high


def test_counting_each_alpha_as_a_cluster_would_be_wrong() -> None:
    """Why clusters: with students of one teacher taken for independent ones, false verdicts are far above 5 %."""
    draw = np.random.default_rng(2)
    wrong = 0
    for _ in range(300):
        rows = [one for one in study(draw) if one["aug"] == "std"]
        wrong += Clustered([one["d"] for one in rows], list(range(len(rows)))).two_sided() < 0.05
    assert wrong / 300 > 0.2


def test_slope() -> None:
    def make(draw: np.random.Generator) -> Rows:
        rows = study(draw)
        return [one | {"d": one["d"] + draw.laplace()} for one in rows]

    low, high = bounds(attainable(8))
    assert low <= sum(verdicts(Slope("s", of("alpha"), of("d"), -1), many(make, 3))) <= high


def test_every_cell_is_rarely_wrong_either_way() -> None:
    """All cells at zero: to be significant in all is rarer than 5 %, and Bonferroni holds against the claim."""

    def make(draw: np.random.Generator) -> Rows:
        return [row(seed=s, alpha=a) | {"d": draw.normal()} for s in range(5) for a in ALPHAS]

    assert sum(verdicts(EveryCell("e", of("d"), 1), many(make, 4))) <= bounds(0.05)[1]

    def one_cell(draw: np.random.Generator) -> Rows:
        return [row(seed=s) | {"d": draw.normal()} for s in range(5)]

    low, high = bounds(0.05)
    assert low <= sum(verdicts(EveryCell("e", of("d"), 1), many(one_cell, 5))) <= high


def test_equivalence_at_the_edge_of_the_margin() -> None:
    """A true mean at the margin is neither equivalent nor beyond it."""

    def make(draw: np.random.Generator) -> Rows:
        return [row(seed=s) | {"d": 0.1 + 0.02 * draw.normal()} for s in range(8)]

    supported, contradicted = verdicts(Equivalence("q", of("d"), 0.1), many(make, 6))
    one_sided = (np.ceil(0.05 * 2**8) - 1) / 2**8
    assert bounds(one_sided)[0] <= supported <= bounds(one_sided)[1]
    assert contradicted <= bounds(0.025)[1]


def test_trend_within_blocks() -> None:
    def make(draw: np.random.Generator) -> Rows:
        return [row(seed=s) | {"teachers": n, "d": np.round(draw.normal(), 1)} for s in range(3) for n in range(1, 8)]

    part = Trend("t", of("teachers"), of("d"), 1, lambda one: (cell_of(one), cluster_of(one)))
    found = [part.find(rows) for rows in many(make, 7)]
    small = sum(f is not None and f.found.p < 0.05 for f in found)
    assert bounds(0.04)[0] <= small <= bounds(0.05)[1]  # its steps are finer than those of signs, and depend on ties


def test_pages_trend_over_rounds_of_clusters() -> None:
    def make(draw: np.random.Generator) -> Rows:
        return [
            row(seed=s, alpha=a) | {"round": r, "d": shared + 0.1 * draw.normal()}
            for s in range(6)
            for r in (1, 2, 3)
            for shared in [draw.normal()]
            for a in ALPHAS
        ]

    small = sum(verdicts(Rounds("r", of("d"), -1), many(make, 8)))
    assert bounds(0.02)[0] <= small <= bounds(0.05)[1]


def test_correlation_within_strata() -> None:
    def make(draw: np.random.Generator) -> Rows:
        return [
            row(seed=s, aug=aug) | {"trace": np.exp(draw.normal()), "top1": draw.normal()}
            for aug in AUGS
            for s in range(15)
        ]

    part = Correlation("c", of("trace"), of("top1"), -1, lambda one: one["aug"])
    low, high = bounds(0.05)
    assert low <= sum(verdicts(part, many(make, 9))) <= high


def test_effective_robustness_of_one_more_standard_model() -> None:
    """A model that is drawn as the standard ones are lies outside the prediction limits in 5 % of draws."""

    def make(draw: np.random.Generator) -> Rows:
        x = draw.normal(1, 0.5, 31)
        y = 0.92 * x - 0.5 + 0.05 * draw.normal(size=31)
        percent = [100 / (1 + np.exp(-value)) for value in (x, y)]
        line = Line.through(list(percent[0][:30]), list(percent[1][:30]))
        value = percent[1][30] - line.expected(percent[0][30])
        return [row(seed=0) | {"d": value, "p": line.p(percent[0][30], percent[1][30])}]

    low, high = bounds(0.05)
    assert low <= sum(verdicts(EveryModel("m", of("d"), of("p"), 1), many(make, 10))) <= high


def test_two_equal_accuracies() -> None:
    draw = np.random.default_rng(11)
    hits = draw.binomial(10_000, 0.6, size=(SETS, 2)) / 100
    small = sum(
        _p_of_shares({"id_top1": a, "id_images": 10_000}, {"id_top1": b, "id_images": 10_000}, "id") < 0.05
        for a, b in hits
    )
    assert bounds(0.05)[0] <= small <= bounds(0.05)[1]


def test_a_family_of_null_claims_has_a_false_verdict_in_five_percent_at_most() -> None:
    draw = np.random.default_rng(19)
    wrong = 0
    for _ in range(SETS):
        tests = [Clustered(list(draw.normal(size=10)), list(range(10))).two_sided() for _ in range(6)]
        wrong += min(holm(tests)) < 0.05
    attainable_in_six = 1 - (1 - int(np.ceil(0.05 / 6 * 2**9) - 1) / 2**9) ** 6
    assert bounds(attainable_in_six)[0] <= wrong <= bounds(attainable_in_six)[1]
    assert attainable_in_six < 0.05


@pytest.mark.parametrize("name", ["normal", "laplace", "standard_cauchy"])
@pytest.mark.parametrize("clusters", [6, 9])
def test_intervals_cover(name: str, clusters: int) -> None:
    """95 % or a little more, because levels are discrete; even of distributions without a mean, as long as they are
    symmetric about it. Clusters are of unequal weight."""
    draw = np.random.default_rng(12)
    groups = [cluster for cluster in range(clusters) for _ in range(1 + cluster % 3)]
    covered = 0
    for _ in range(SETS):
        luck = getattr(draw, name)(size=clusters)
        values = [0.7 + luck[cluster] + 0.1 * draw.normal() for cluster in groups]
        interval = Clustered(values, groups).interval()
        covered += interval.low <= 0.7 <= interval.high
    rate = 1 - 2 * int(0.025 * 2**clusters) / 2**clusters
    low, high = bounds(rate)
    assert low <= covered <= high


def test_students_interval_covers_normal_clusters() -> None:
    draw = np.random.default_rng(13)
    inside = 0
    for _ in range(SETS):
        interval = Clustered(list(draw.normal(0.7, 1, 4)), list(range(4))).interval()
        inside += interval.low <= 0.7 <= interval.high
    assert bounds(0.95)[0] <= inside <= bounds(0.95)[1]


PLANTED: dict[str, tuple[Part, Callable[[np.random.Generator], Rows]]] = {
    "difference": (
        Difference("d", of("d"), 1),
        lambda draw: [row(seed=s) | {"d": 1.5 + draw.normal()} for s in range(10)],
    ),
    "every cell": (
        EveryCell("e", of("d"), 1),
        lambda draw: [row(seed=s, alpha=a) | {"d": 3 + draw.normal()} for s in range(5) for a in ALPHAS],
    ),
    "equivalence": (
        Equivalence("q", of("d"), 0.1),
        lambda draw: [row(seed=s) | {"d": 0.05 * draw.normal()} for s in range(8)],
    ),
    "slope": (
        Slope("s", of("alpha"), of("d"), -1),
        lambda draw: [row(seed=s, alpha=a) | {"d": -3 * a + 0.5 * draw.normal()} for s in range(8) for a in ALPHAS],
    ),
    "trend": (
        Trend("t", of("teachers"), of("d"), 1, cluster_of),
        lambda draw: [row(seed=s) | {"teachers": n, "d": n + draw.normal()} for s in range(2) for n in range(1, 8)],
    ),
    "rounds": (
        Rounds("r", of("d"), -1),
        lambda draw: [row(seed=s) | {"round": r, "d": -r + 0.5 * draw.normal()} for s in range(4) for r in (1, 2, 3)],
    ),
    "correlation": (
        Correlation("c", of("x"), of("d"), -1, lambda one: 0),
        lambda draw: [row(seed=s) | {"x": x, "d": -x + draw.normal()} for s, x in enumerate(draw.normal(size=30))],
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_effect_is_found(name: str) -> None:
    part, make = PLANTED[name]
    supported, contradicted = verdicts(part, many(make, 14, 200))
    assert supported > 160 and contradicted == 0


def test_a_planted_counterexample_contradicts() -> None:
    def make(draw: np.random.Generator) -> Rows:
        return [row(seed=s, alpha=a) | {"d": (-4 if a == 0.8 else 4) + draw.normal()} for s in range(5) for a in ALPHAS]

    assert verdicts(EveryCell("e", of("d"), 1), many(make, 15, 200)) == (0, pytest.approx(200, abs=20))
    beyond = [[row(seed=s) | {"d": 1 + 0.1 * s} for s in range(8)]]
    assert verdicts(Equivalence("q", of("d"), 0.1), iter(beyond)) == (0, 1)


@pytest.mark.parametrize(("effect", "alpha"), [(1.0, 0.05), (0.7, 0.05), (1.0, 0.01)])
def test_the_number_of_clusters_has_the_power_it_promises(effect: float, alpha: float) -> None:
    n = clusters_for_difference(effect, 1.0, alpha)
    assert n is not None
    draw = np.random.default_rng(16)
    decided = sum(Clustered(list(draw.normal(effect, 1, n)), list(range(n))).two_sided() < alpha for _ in range(500))
    assert 0.73 < decided / 500 < 0.88


def test_the_number_of_clusters_of_an_equivalence() -> None:
    n = clusters_for_equivalence(0.0, 1.0, 1.0)
    assert n is not None
    draw = np.random.default_rng(17)
    sets = [[row(seed=s) | {"d": value} for s, value in enumerate(draw.normal(0, 1, n))] for _ in range(500)]
    supported, _ = verdicts(Equivalence("q", of("d"), 1.0), iter(sets))
    assert 0.73 < supported / 500 < 0.88
    assert clusters_for_equivalence(1.1, 1.0, 1.0) is None


def test_the_number_of_points_of_a_correlation() -> None:
    n = points_for_correlation(0.5, 1)
    assert n is not None
    draw = np.random.default_rng(18)
    rho = 2 * np.sin(np.pi / 6 * 0.5)  # Pearson's of normal points whose Spearman's is 0.5
    part = Correlation("c", of("x"), of("d"), 1, lambda one: 0)
    sets = []
    for _ in range(500):
        x, e = draw.normal(size=(2, n))
        sets.append([row(seed=i) | {"x": x[i], "d": rho * x[i] + np.sqrt(1 - rho**2) * e[i]} for i in range(n)])
    assert 0.73 < verdicts(part, iter(sets))[0] / 500 < 0.88


def test_what_no_number_decides() -> None:
    assert clusters_for_difference(0.0, 1.0) is None
    assert clusters_for_difference(0.01, 1.0) is None
    assert points_for_correlation(0.0, 1) is None
    assert clusters_for_difference(1.0, 0.0) == 6  # the smallest number of pairs that an exact test can decide with
