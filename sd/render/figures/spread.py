"""Mean and spread over seeds, and how they are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from matplotlib.axes import Axes
from matplotlib.transforms import offset_copy

# Single seeds stand so many points to the right of their mean: beside its mark, whatever the axis.
_BESIDE = 3.8


@dataclass(frozen=True)
class Point:
    """A place on the x axis and the values of all seeds there."""

    x: float
    values: Sequence[float]

    @property
    def mean(self) -> float:
        return fmean(self.values)

    @property
    def std(self) -> float | None:
        """Sample standard deviation (ddof 1); ``None`` for one seed."""
        return stdev(self.values) if len(self.values) > 1 else None


def draw_points(axes: Axes, points: Sequence[Point], mark: dict[str, Any], *, label: str, line: bool = True) -> None:
    """Means with error bars where there are seeds, and each seed as a faint dot beside them."""
    there = [point for point in points if point.values]
    if not there:
        return
    beside = offset_copy(axes.transData, fig=axes.get_figure(root=True), x=_BESIDE, units="points")
    for point in there:
        if len(point.values) > 1:
            dots = {"s": 5, "color": mark["color"], "alpha": 0.45, "linewidths": 0, "zorder": 1.5}
            axes.scatter([point.x] * len(point.values), point.values, transform=beside, **dots)
            axes.update_datalim([(point.x, value) for value in point.values])  # which a shifted mark does not
    spread = [point.std if point.std is not None else float("nan") for point in there]
    style = mark if line else {**mark, "linestyle": "none"}
    axes.errorbar(
        [point.x for point in there],
        [point.mean for point in there],
        yerr=spread,
        label=label,
        elinewidth=0.8,
        capthick=0.8,
        **style,
    )
