"""Figure 9: accuracy under a natural shift against accuracy without, and what of it goes beyond the testbed's line."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from sd.render.claims.robustness import Line
from sd.render.claims.study import Row
from sd.render.figures.panels import legend
from sd.render.figures.selection import Selection, Shown
from sd.render.figures.spread import Point
from sd.render.figures.style import BLACK, GREY, PAGE, PALE, mark_of_model, marks_of_alphas, short
from sd.render.figures.subject import arch_title, tidy

SETS = {"imagenet_v2": ("ImageNet", "ImageNetV2"), "cifar10.1": ("CIFAR-10", "CIFAR-10.1")}

# Accuracies that the axes may name, and those between which a logit is finite enough.
_TICKS = (1, 2, *range(5, 96, 5), 98, 99)
_LEAST = 0.05


def narrow(panel: Shown) -> Shown:
    """One testbed: that of most models."""
    beds = [row["testbed"] for row in panel.rows]
    bed = max(sorted(set(beds)), key=beds.count)
    return panel.only([row for row in panel.rows if row["testbed"] == bed])


def standard(selection: Selection) -> list[Row]:
    """The published models of the testbed that is shown."""
    beds = {row["testbed"] for panel in selection.panels for row in panel.rows}
    return [row for row in selection.beside if row["testbed"] in beds]


def fitted(rows: Sequence[Row]) -> Line | None:
    """The line through the standard models; ``None`` for fewer than three."""
    points = [row for row in rows if row["family"] == "standard"]
    return Line.through([r["id_top1"] for r in points], [r["ood_top1"] for r in points]) if len(points) > 2 else None


def paint(selection: Selection) -> Figure:
    """To the left teachers and their students at the smallest α, to the right those of one teacher at every α."""
    figure = Figure(figsize=(PAGE, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    testbed = standard(selection)
    sweep = max(selection.panels, key=lambda panel: len(panel.alphas))
    lowest = min(sweep.alphas)
    alphas = sorted({alpha for panel in selection.panels for alpha in panel.alphas})
    marks = marks_of_alphas(alphas)
    for axes in (left, right):
        _logit_axes(axes, selection)
        _testbed(axes, testbed)
    for panel in selection.panels:
        _teachers(left, panel)
        _student(left, panel, lowest, marks)
        _pair(left, panel, lowest)
    _teachers(right, sweep)
    _path(right, sweep)
    for alpha in sweep.alphas:
        _student(right, sweep, alpha, marks)
    left.set_title("(a) teachers and students" + f" at α = {lowest:g}")
    right.set_title(f"(b) students of {tidy(arch_title(sweep.subject.arch))} by α")
    for axes, shown in ((left, selection.panels), (right, [sweep])):
        _limits(axes, [row for panel in shown for row in panel.rows])
    legend(figure, columns=4)
    return figure


def _logit_axes(axes: Axes, selection: Selection) -> None:
    reference, shifted = SETS.get(selection.panels[0].rows[0]["testbed"], ("reference", "shifted"))
    for axis, scale, name in ((axes.xaxis, axes.set_xscale, reference), (axes.yaxis, axes.set_yscale, shifted)):
        scale("function", functions=(_logit, _percent))
        axis.set_major_locator(FixedLocator(_TICKS))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_label_text(f"Accuracy on {name} (%), logit scale")


def _testbed(axes: Axes, rows: Sequence[Row]) -> None:
    if rows:
        x, y = ([row[name] for row in rows] for name in ("id_top1", "ood_top1"))
        dots: dict[str, Any] = {"s": 7, "facecolors": "none", "edgecolors": GREY, "linewidths": 0.5, "zorder": 1.5}
        axes.scatter(x, y, label=f"published models (n = {len(rows)})", **dots)
    line = fitted(rows)
    ends = np.linspace(_LEAST, 100 - _LEAST, 400)
    axes.plot(ends, ends, color=PALE, linewidth=0.8, label="equal accuracy", zorder=1)
    if line:
        fit = [line.expected(float(x)) for x in ends]
        axes.plot(ends, fit, color=BLACK, linewidth=0.9, linestyle=(0, (4, 2)), label="fit to them", zorder=1.2)


def _teachers(axes: Axes, panel: Shown) -> None:
    for model in ("ZS", "T", "SAM"):
        label = {"ZS": "zero-shot CLIP, teacher", "T": "T, trained from scratch"}.get(model, model)
        mark = {**mark_of_model(model), "linestyle": "none"}
        if model == "ZS":
            mark |= {"marker": "*", "markersize": 9, "color": BLACK}
        _mean(axes, [row for row in panel.rows if row["model"] == model], mark, label)


def _student(axes: Axes, panel: Shown, alpha: float, marks: dict[float, dict[str, Any]]) -> None:
    mark = {**marks[alpha], "linestyle": "none", "markersize": 5.5}
    _mean(axes, _students(panel, alpha), mark, f"student {short('R1')}, α = {alpha:g}")


def _pair(axes: Axes, panel: Shown, alpha: float) -> None:
    """A thin line from the teacher, which is named, to its student."""
    teacher = [row for row in panel.rows if row["model"] in ("T", "ZS")]
    if teacher:
        _line(axes, [teacher, _students(panel, alpha)])
        name = arch_title(panel.subject.arch)
        axes.annotate(name, _place(teacher), (6, 3), textcoords="offset points", fontsize=6, va="bottom")


def _path(axes: Axes, panel: Shown) -> None:
    """A thin line through the students, by α."""
    _line(axes, [_students(panel, alpha) for alpha in panel.alphas])


def _line(axes: Axes, models: Sequence[Sequence[Row]]) -> None:
    points = [_place(rows) for rows in models if rows]
    axes.plot(*zip(*points, strict=True), color=GREY, linewidth=0.6, zorder=1.6)


def _place(rows: Sequence[Row]) -> tuple[float, float]:
    x, y = (Point(0, [row[name] for row in rows]).mean for name in ("id_top1", "ood_top1"))
    return x, y


def _students(panel: Shown, alpha: float) -> list[Row]:
    return [row for row in panel.rows if row["alpha"] == alpha and row["model"] in ("R1", "R1(ZS)")]


def _mean(axes: Axes, rows: Sequence[Row], mark: dict[str, Any], label: str) -> None:
    if not rows:
        return
    x, y = (Point(0, [row[name] for row in rows]) for name in ("id_top1", "ood_top1"))
    axes.errorbar(x.mean, y.mean, xerr=x.std, yerr=y.std, label=label, elinewidth=0.8, zorder=3, **mark)


def _limits(axes: Axes, rows: Sequence[Row]) -> None:
    """Around what was measured here, with room for the line."""
    for setter, name in ((axes.set_xlim, "id_top1"), (axes.set_ylim, "ood_top1")):
        values = _logit(np.array([row[name] for row in rows], dtype=float))
        room = max(0.35 * float(np.ptp(values)), 0.35)
        low, high = _percent(np.array([values.min() - room, values.max() + room]))
        setter(float(low), float(high))


def _logit(percent: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip(percent, _LEAST, 100 - _LEAST) / 100
    found: NDArray[np.float64] = np.log(share / (1 - share))
    return found


def _percent(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = 100 / (1 + np.exp(-logit))
    return found
