"""Sums over all subsets of a few numbers, and how many of them lie low, without writing all of them down."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def subset_sums(values: Floats) -> Floats:
    """Sum over each subset: shape (2ⁿ,); the subset of index i holds the values of the bits set in i."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


def count_at_most(values: Floats, limit: float) -> int:
    """How many subsets of the values have a sum of at most ``limit``: the sums of one half of the values are looked up
    among the sorted sums of the other."""
    half = len(values) // 2
    wanted = np.sort(limit - subset_sums(values[:half]))
    return int(np.searchsorted(np.sort(subset_sums(values[half:])), wanted, side="right").sum())
