"""How many clusters a test needs to decide, at the spread that was observed."""

from math import sqrt

from scipy import stats

POWER = 0.8
MOST = 1000


def clusters_for_difference(effect: float, spread: float, *, alpha: float = 0.05, power: float = POWER) -> int | None:
    """Fewest clusters with which the two-sided sign-flip test has this power, if ``effect`` is the true mean.

    The power is that of Student's t at the same level, which the sign-flip test of normal clusters comes close to (the
    tests simulate it), and there are at least so many clusters that an exact p below alpha exists.

    Args:
        spread: standard deviation between clusters.

    Returns:
        ``None`` if more than :data:`MOST` were needed.
    """
    for n in range(2, MOST + 1):
        if 2.0 ** (1 - n) >= alpha:
            continue
        if spread == 0:
            return n if effect else None
        critical = float(stats.t.ppf(1 - alpha / 2, n - 1))
        shift = abs(effect) / spread * sqrt(n)
        if float(stats.nct.sf(critical, n - 1, shift)) >= power:
            return n
    return None


def clusters_for_equivalence(
    effect: float, spread: float, margin: float, *, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """Fewest clusters with which :func:`sd.render.statistics.equivalence` has this power, if ``effect`` is the mean.

    ``None`` if the effect is not within the margin, or more than :data:`MOST` were needed. The power is bounded from
    below by that of each side.
    """
    if abs(effect) >= margin:
        return None
    for n in range(2, MOST + 1):
        if 2.0**-n >= alpha:
            continue
        if spread == 0:
            return n
        critical = float(stats.t.ppf(1 - alpha, n - 1))
        sides = [float(stats.nct.sf(critical, n - 1, gap / spread * sqrt(n))) for gap in (margin - effect, margin + effect)]
        if sum(sides) - 1 >= power:
            return n
    return None
