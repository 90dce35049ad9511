"""How many clusters, blocks or points a test needs to decide, at the effect and the spread that were observed."""

from math import atanh, ceil, inf, log, sqrt

from scipy import stats

from sd.render.rank_tests import SPEARMAN_VARIANCE
from sd.render.statistics import Found

POWER = 0.8
MOST = 1000
"""More than so many are not counted."""


def clusters_for_difference(effect: float, spread: float, alpha: float = 0.05, *, exact: bool = True) -> int | None:
    """Fewest clusters with which the two-sided sign-flip test has power 0.8, if ``effect`` is the true mean.

    The power is that of Student's t at the same level, which the sign-flip test of normal clusters comes close to (the
    tests simulate it).

    Args:
        spread: standard deviation between clusters.
        exact: also demand so many that a sign-flip p below alpha exists; ``False`` for Student's t itself.

    Returns:
        ``None`` if more than :data:`MOST` were needed.
    """
    if effect == 0 or spread == inf:
        return None
    for n in range(2, MOST + 1):
        if exact and 2.0 ** (1 - n) >= alpha:
            continue
        if spread <= 1e-12 * abs(effect) or _power(abs(effect), spread, n, alpha / 2) >= POWER:
            return n
    return None


def clusters_for_equivalence(effect: float, spread: float, margin: float, alpha: float = 0.05) -> int | None:
    """Fewest clusters with which :func:`sd.render.statistics.equivalence` has power 0.8, if ``effect`` is the mean.

    ``None`` if the effect is not within the margin, or more than :data:`MOST` were needed. The power is bounded from
    below by that of each side.
    """
    if abs(effect) >= margin or spread == inf:
        return None
    for n in range(2, MOST + 1):
        if 2.0**-n >= alpha:
            continue
        if spread == 0 or sum(_power(gap, spread, n, alpha) for gap in (margin - effect, margin + effect)) - 1 >= POWER:
            return n
    return None


def points_for_correlation(rho: float, strata: int, alpha: float = 0.05) -> int | None:
    """Fewest points in so many strata with which :func:`sd.render.rank_tests.spearman` has power 0.8, by Fisher's z."""
    if rho == 0:
        return None
    z = float(stats.norm.isf(alpha / 2) + stats.norm.ppf(POWER))
    points = ceil(SPEARMAN_VARIANCE * (z / atanh(min(abs(rho), 0.999))) ** 2) + 3 * strata
    return points if points <= MOST else None


def blocks_for_any_verdict(found: Found, alpha: float = 0.05) -> int | None:
    """Fewest blocks like these with which a p below alpha exists: a strict trend in every one of them; power is not
    looked at."""
    if not found.effect or not 0 < found.smallest_p <= 1:
        return None
    orders = (2 / found.smallest_p) ** (1 / found.n)
    return int(log(2 / alpha) / log(orders)) + 1


def _power(effect: float, spread: float, n: int, alpha: float) -> float:
    """Of the one-sided t test at level alpha."""
    critical = float(stats.t.isf(alpha, n - 1))
    return float(stats.nct.sf(critical, n - 1, effect / spread * sqrt(n)))
