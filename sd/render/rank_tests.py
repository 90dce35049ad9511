"""Tests that look at the order of observations alone: Kendall's, Page's and Spearman's."""

from collections.abc import Sequence
from functools import cache
from itertools import permutations
from math import atanh, factorial, prod, sqrt, tanh

import numpy as np
from scipy import stats

from sd.render.statistics import Found, Interval

SPEARMAN_VARIANCE = 1.06
"""Of Fisher's z of Spearman's correlation, times n − 3, where there is none (Fieller, Hartley and Pearson 1957)."""


def kendall(blocks: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Found:
    """Kendall's τ of x and y within blocks, their concordant less discordant pairs added up; exact and two-sided.

    Under the null hypothesis all orders of y within a block are equally likely, independently in each block. The number
    of inversions of a block with ties in y is then distributed as the q-multinomial coefficient; x has no ties. With
    one block this is the exact test of Kendall's τ.

    Args:
        blocks: for each block its x and y, of equal length.
    """
    signs = [_concordance(x, y) for x, y in blocks]
    score, pairs = sum(signs), sum(len(x) * (len(x) - 1) // 2 for x, _ in blocks)
    counts = list(_all_inversions(tuple(sorted(_ties(y) for _, y in blocks))))
    untied, most = len(counts) - 1, prod(factorial(len(y)) for _, y in blocks)
    total = sum(counts)
    extreme = sum(count for inversions, count in enumerate(counts) if abs(untied - 2 * inversions) >= abs(score))
    effect = score / pairs if pairs else 0.0
    return Found(effect, None, extreme / total, len(blocks), min(1.0, 2 / most))


def _concordance(x: Sequence[float], y: Sequence[float]) -> int:
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    return int(np.triu(np.sign(a[None, :] - a[:, None]) * np.sign(b[None, :] - b[:, None])).sum())


def _ties(y: Sequence[float]) -> tuple[int, ...]:
    """How often each value of y occurs, sorted."""
    _, counts = np.unique(np.asarray(y, dtype=float), return_counts=True)
    return tuple(sorted(map(int, counts)))


@cache
def _all_inversions(blocks: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """How many orders of all blocks have 0, 1, 2 … inversions: a q-multinomial coefficient each."""
    counts = [1]
    for ties in blocks:
        placed = 0
        for size in ties:
            counts = _convolved(counts, _q_binomial(placed + size, size))
            placed += size
    return tuple(counts)


def _q_binomial(n: int, k: int) -> list[int]:
    """Coefficients of the Gaussian binomial coefficient, by its Pascal rule."""
    row: list[list[int]] = [[1]]
    for size in range(1, n + 1):
        grown = [[1]]
        for part in range(1, min(size, k) + 1):
            left = row[part - 1] if part - 1 < len(row) else []
            right = [0] * part + row[part] if part < len(row) else []
            width = max(len(left), len(right))
            grown.append([sum(p[i] for p in (left, right) if i < len(p)) for i in range(width)])
        row = grown
    return row[k]


def _convolved(a: Sequence[int], b: Sequence[int]) -> list[int]:
    result = [0] * (len(a) + len(b) - 1)
    for place, value in enumerate(a):
        for other, factor in enumerate(b):
            result[place + other] += value * factor
    return result


def page(rows: Sequence[Sequence[float]]) -> Found:
    """Page's L for a trend over ordered treatments, two-sided: twice the smaller of both directions' exact p.

    Args:
        rows: one block each, in the order of the treatments; at least three treatments. The effect is the mean
            Spearman correlation of a block with that order, (12 L / (m k (k² − 1))) − 3 (k + 1) / (k − 1).
    """
    data = np.asarray(rows, dtype=float)
    blocks, treatments = data.shape
    one_sided = []
    for sign in (1, -1):
        ranks = stats.rankdata(sign * data, axis=1)
        result = stats.page_trend_test(ranks, ranked=True, method="exact")
        one_sided.append((float(result.pvalue), float(result.statistic)))
    scale = 12 / (blocks * treatments * (treatments**2 - 1))
    effect = scale * one_sided[0][1] - 3 * (treatments + 1) / (treatments - 1)
    smallest = min(1.0, 2.0 / factorial(treatments) ** blocks)
    return Found(effect, None, min(1.0, 2 * min(p for p, _ in one_sided)), blocks, smallest)


def spearman(strata: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Found:
    """Spearman's correlation within strata, combined by Fisher's z with weights 1 / variance; two-sided.

    The variance of z is (1 + r²/2) / (n − 3) (Bonett and Wright 2000), with the combined r, so that the weights do not
    depend on the single ones; strata of fewer than four points, or without variation, are left out. The p holds for
    independent points; it is an approximation at small n, checked by simulation in the tests.
    """
    found = []
    for x, y in strata:
        if len(x) > 3 and len(set(x)) > 1 and len(set(y)) > 1:
            r = float(stats.spearmanr(x, y).statistic)
            found.append((atanh(float(np.clip(r, -0.999, 0.999))), len(x) - 3))
    if not found:
        return Found(0.0, None, 1.0, 0, 1.0, exact=False)
    points = sum(weight for _, weight in found)
    z = sum(value * weight for value, weight in found) / points
    error = sqrt((1 + tanh(z) ** 2 / 2) / points)
    p = float(2 * stats.norm.sf(abs(z) / sqrt(SPEARMAN_VARIANCE / points)))
    interval = Interval(tanh(z - 1.96 * error), tanh(z + 1.96 * error), "Fisher's z")
    return Found(tanh(z), interval, p, points + 3 * len(found), 0.0, exact=False)


def spearman_exact(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Spearman's correlation of at most eight points and its exact two-sided p, over all orders of y."""
    a, b = stats.rankdata(x), stats.rankdata(y)
    orders = np.array(list(permutations(b)))
    scores = orders @ (a - a.mean())
    observed = float(b @ (a - a.mean()))
    p = float(np.mean(np.abs(scores) >= abs(observed) - 1e-9))
    return float(stats.spearmanr(x, y).statistic), p
