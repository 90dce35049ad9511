"""Learning curves as small drawings: thinned to what a screen can show, scaled, and written as SVG paths."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 400, 230
"""Size of a drawing in its own units, about a pixel each on a phone."""

LEFT, RIGHT, TOP, BOTTOM = 44, 10, 10, 34
"""What is kept free around the curves for the scales."""

COLUMNS = 160
"""So many columns a curve is thinned to; of each, its least and its greatest value are drawn."""

# Losses that range over more than this are drawn on a logarithmic scale.
_MANY_TIMES = 30.0

Floats = npt.NDArray[np.float64]
Scale = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Tick:
    """A mark on a scale: its place in the drawing, and its text."""

    place: float
    text: str


@dataclass(frozen=True)
class Line:
    """A curve: its name, how it is styled, and the ``d`` of its path."""

    name: str
    style: str
    path: str


@dataclass(frozen=True)
class Chart:
    """A drawing of some series over the epochs.

    Attributes:
        title: what is drawn, with its unit.
        words: the same for someone who cannot see it.
        x, y: the marks on the scales.
        chosen: the place of the epoch that ``best_test`` is from; ``None`` where it is not known.
    """

    title: str
    words: str
    x: Sequence[Tick]
    y: Sequence[Tick]
    lines: Sequence[Line]
    chosen: float | None = None


def chart(
    title: str,
    epochs: Floats,
    series: Sequence[tuple[str, str, Floats]],
    *,
    chosen: int | None = None,
    log: bool = False,
) -> Chart | None:
    """Draw series over epochs; ``None`` if there is no finite value in any of them.

    Args:
        series: name, style and one value an epoch, NaN where nothing was measured.
        chosen: an epoch to be marked.
        log: on a logarithmic scale where the values are positive and range widely.
    """
    known = [(name, style, values) for name, style, values in series if np.isfinite(values).any()]
    if not known:
        return None
    finite = np.concatenate([values[np.isfinite(values)] for _, _, values in known])
    low, high = float(finite.min()), float(finite.max())
    wide = log and low > 0 and high / low > _MANY_TIMES
    marks = _log_marks(low, high) if wide else _marks(low, high)
    start, end = float(epochs[0]), float(epochs[-1])
    bottom, top = min(low, marks[0]), max(high, marks[-1])

    def across(values: Floats) -> Floats:
        return np.asarray(LEFT + (values - start) / max(end - start, 1.0) * (WIDTH - LEFT - RIGHT))

    def up(values: Floats) -> Floats:
        share = np.log(values / bottom) / math.log(top / bottom) if wide else (values - bottom) / (top - bottom)
        return np.asarray(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))

    return Chart(
        title + (" (logarithmic scale)" if wide else ""),
        " ".join(_in_words(name, epochs, values) for name, _, values in known),
        [Tick(round(float(across(np.array(m))), 1), f"{m:g}") for m in _epoch_marks(start, end)],
        [Tick(round(float(up(np.array(m))), 1), f"{m:g}") for m in marks],
        [Line(name, style, _path(across, up, *thinned(epochs, values))) for name, style, values in known],
        round(float(across(np.array(float(chosen)))), 1) if chosen is not None else None,
    )


def thinned(x: Floats, y: Floats, columns: int = COLUMNS) -> tuple[Floats, Floats]:
    """The points that a drawing of ``columns`` columns needs: of each column the least and the greatest, in order."""
    there = np.isfinite(y)
    x, y = x[there], y[there]
    if len(x) <= 2 * columns:
        return x, y
    size = -(-len(x) // columns)
    filled = np.append(y, np.full(-len(y) % size, y[-1])).reshape(-1, size)
    first = np.arange(len(filled)) * size
    kept = np.concatenate([[0, len(y) - 1], first + filled.argmin(axis=1), first + filled.argmax(axis=1)])
    chosen = np.unique(np.minimum(kept, len(y) - 1))
    return x[chosen], y[chosen]


def _path(across: Scale, up: Scale, x: Floats, y: Floats) -> str:
    """Absolute start, then steps, in tenths of a unit: the shortest text that is exact to the pixel."""
    points = np.rint(np.column_stack((across(x), up(y))) * 10).astype(int)
    steps = np.diff(points, axis=0)
    return f"M{points[0][0]} {points[0][1]}l" + (" ".join(map(str, steps.ravel().tolist())) or "0 0")


def _marks(low: float, high: float) -> list[float]:
    """Round numbers that enclose ``low`` to ``high``, four or so."""
    span = high - low or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def _log_marks(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = -(-(last - first) // 5)
    return [10.0**power for power in range(first, last + every, every)]


def _epoch_marks(start: float, end: float) -> list[float]:
    inside = [mark for mark in _marks(start, end) if start < mark < end and mark == int(mark)]
    gap = (end - start) / 12  # marks closer than this would overprint
    return [
        start,
        *(mark for mark in inside if mark - start > gap and end - mark > gap),
        *([end] if end > start else []),
    ]


def _in_words(name: str, epochs: Floats, values: Floats) -> str:
    there = np.flatnonzero(np.isfinite(values))
    first, last = there[0], there[-1]
    low, high = there[values[there].argmin()], there[values[there].argmax()]
    return (
        f"{name}: {values[first]:.4g} at epoch {epochs[first]:g}, {values[last]:.4g} at epoch {epochs[last]:g}, "
        f"lowest {values[low]:.4g} at {epochs[low]:g}, highest {values[high]:.4g} at {epochs[high]:g}."
    )
