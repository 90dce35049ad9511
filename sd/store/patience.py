"""Waiting for a database that is locked, restarting or out of reach: in growing steps of chance, up to a limit."""

import os
import random
import time
from collections.abc import Iterator

from sd import BadInput

_USUAL = 60.0

# Seconds of the first wait, and of the longest, before chance is taken of them.
_FIRST, _LONGEST = 0.01, 0.5


def patience() -> float:
    """Seconds that a writer waits for the database before it leaves its records to others (``SD_DB_PATIENCE``)."""
    said = os.environ.get("SD_DB_PATIENCE")
    if not said:
        return _USUAL
    try:
        seconds = float(said)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise BadInput(f"SD_DB_PATIENCE: {said!r} is no number of seconds; give 60, or 0 for no waiting")
    return seconds


def tries(seconds: float) -> Iterator[float]:
    """Yields before each try how many seconds are left after it, at last 0; waits between them.

    The waits grow, and each is a part of its length that chance draws, so that many who wait do not come in step.
    """
    end = time.monotonic() + seconds
    wait = _FIRST
    while True:
        left = max(0.0, end - time.monotonic())
        yield left
        if not left:
            return
        time.sleep(min(left, wait * random.uniform(0.2, 1.0)))
        wait = min(_LONGEST, wait * 1.6)
