"""How many clusters, blocks or points a test needs to decide, at the effect and the spread that were observed."""

from math import atanh, ceil, inf, log

import numpy as np
from scipy import stats

from sd.render.rank_tests import SPEARMAN_VARIANCE
from sd.render.statistics import Found
from sd.render.subsets import Floats

POWER = 0.8
MOST = 1000
"""More than so many are not counted."""

_SIZES: Floats = np.arange(2.0, MOST + 1)


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
    sizes = _SIZES[alpha > 2.0 ** (1.0 - _SIZES)] if exact else _SIZES
    if spread <= 1e-12 * abs(effect):
        return int(sizes[0])
    return _first(sizes, _power(abs(effect), spread, sizes, alpha / 2))


def clusters_for_equivalence(effect: float, spread: float, margin: float, alpha: float = 0.05) -> int | None:
    """Fewest clusters with which :func:`sd.render.statistics.equivalence` has power 0.8, if ``effect`` is the mean.

    ``None`` if the effect is not within the margin, or more than :data:`MOST` were needed. The power is bounded from
    below by that of each side.
    """
    if abs(effect) >= margin or spread == inf:
        return None
    sizes = _SIZES[alpha > 2.0**-_SIZES]
    if spread == 0:
        return int(sizes[0])
    below, above = (_power(gap, spread, sizes, alpha) for gap in (margin - effect, margin + effect))
    return _first(sizes, below + above - 1)


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


def _first(sizes: Floats, power: Floats) -> int | None:
    """The smallest size that has the power."""
    enough = np.flatnonzero(power >= POWER)
    return int(sizes[enough[0]]) if len(enough) else None


def _power(effect: float, spread: float, n: Floats, alpha: float) -> Floats:
    """Of the one-sided t test at level alpha, with each of these sizes."""
    critical = stats.t.isf(alpha, n - 1)
    return np.asarray(stats.nct.sf(critical, n - 1, effect / spread * np.sqrt(n)), dtype=np.float64)
