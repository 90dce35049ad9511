"""Subsets of clusters that are drawn, where there are too many to count: the same for every test, and drawn once."""

from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from sd.render.subsets import Floats, subset_sums

DRAWS = 2**17
"""Subsets that are drawn."""

_SEED = 20220617

# Clusters whose part in a subset is one number: the index of its sum in the table of their subsets' sums.
_WORD = 16


class DrawnSubsets:
    """``DRAWS`` subsets. Whether a cluster is in a subset depends on its place alone, not on how many follow it."""

    def __init__(self) -> None:
        self._bits = np.random.default_rng(_SEED)
        self._words: list[NDArray[np.uint16]] = []

    def sums(self, values: Floats) -> Floats:
        """Sum of the values over each subset: shape (DRAWS,)."""
        total = np.zeros(DRAWS)
        for word, start in enumerate(range(0, len(values), _WORD)):
            table = subset_sums(values[start : start + _WORD])
            total += table[self._word(word) & np.uint16(len(table) - 1)]
        return total

    def _word(self, index: int) -> NDArray[np.uint16]:
        while len(self._words) <= index:
            word = np.zeros(DRAWS, dtype=np.uint16)
            for place in range(_WORD):
                word |= self._bits.integers(0, 2, DRAWS, dtype=np.int8).astype(np.uint16) << np.uint16(place)
            self._words.append(word)
        return self._words[index]


def drawn_weights(weights: Floats) -> Floats:
    """Sum of the weights over each subset: shape (DRAWS,), not to be written to. Many tests weigh clusters alike."""
    return _sums_of(weights.tobytes())


@lru_cache(maxsize=8)  # a megabyte each
def _sums_of(weights: bytes) -> Floats:
    found = drawn_subsets().sums(np.frombuffer(weights))
    found.flags.writeable = False
    return found


@cache
def drawn_subsets() -> DrawnSubsets:
    """The subsets of this process; 16 KB for each cluster of the largest test."""
    return DrawnSubsets()
