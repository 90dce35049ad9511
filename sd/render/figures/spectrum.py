"""Figures 7 and 16: the spectral density of the Hessian, and the distribution of its largest eigenvalues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from sd.render.claims.study import Row
from sd.render.figures.panels import legend, rows_of
from sd.render.figures.selection import Selection, Shown
from sd.render.figures.style import COLUMN, PAGE, POWERS, mark_of_model, short

WIDTH = 0.005
"""Standard deviation of the Gaussian that smooths a density, as a share of the widest spectrum beside it."""

_GRID = 800

# A density is shown down to a tenth of a single eigenvalue's, and over so much at least.
_DECADES = 1e-4


def paint_density(selection: Selection) -> Figure:
    """Figure 7: to the left T, SAM and the first student, to the right T and the students of all rounds; each on a line
    of its own, as spectra on top of one another hide one another."""
    sides = [(panel, _sides(panel)) for panel in selection.panels]
    lines = [max(map(len, both)) for _, both in sides]
    figure = Figure(figsize=(PAGE, sum(0.75 + 0.55 * number for number in lines)), layout="constrained")
    for part, (panel, both) in zip(rows_of(figure, selection), sides, strict=True):
        curves = _Densities.of(panel)
        for side, models in zip(part.subfigures(1, 2, squeeze=False)[0], both, strict=True):
            column = side.subplots(len(models), 1, sharex=True, squeeze=False)[:, 0]
            for axes, model in zip(column, models, strict=True):
                curves.draw(axes, model)
            column[-1].set_xlabel("Eigenvalue λ of the Hessian")
            side.supylabel("Density of eigenvalues", fontsize="medium")
    return figure


def _sides(panel: Shown) -> tuple[list[str], list[str]]:
    """The models to the left and to the right."""
    left: list[str] = [model for model in ("T", "SAM", "R1") if model in panel.models]
    return left, [model for model in panel.models if model != "SAM"]


def smoothing(rows: Sequence[Row]) -> float:
    """The standard deviation of the Gaussian for these spectra."""
    nodes = [row["node"] for row in rows]
    return WIDTH * (max(nodes) - min(nodes)) or 1.0


def density(at: NDArray[np.float64], rows: Sequence[Row], sigma: float) -> NDArray[np.float64]:
    """The density of the nodes of one or several models (whose mean it is) at these λ."""
    models = len({row["key"] for row in rows})
    nodes, weights = (np.array([row[name] for row in rows]) for name in ("node", "weight"))
    bells = np.exp(-0.5 * ((at[:, None] - nodes) / sigma) ** 2) / (sigma * sqrt(2 * pi))
    found: NDArray[np.float64] = bells @ weights / models
    return found


@dataclass(frozen=True)
class _Densities:
    """The densities of a row of panels, on one grid of λ and above one floor.

    Attributes:
        at: λ.
        floor: below it nothing is shown.
    """

    panel: Shown
    at: NDArray[np.float64]
    curves: Mapping[str, NDArray[np.float64]]
    floor: float

    @classmethod
    def of(cls, panel: Shown) -> "_Densities":
        sigma = smoothing(panel.rows)
        nodes = [row["node"] for row in panel.rows]
        at = np.linspace(min(nodes) - 4 * sigma, max(nodes) + 4 * sigma, _GRID)
        models = {model: [row for row in panel.rows if row["model"] == model] for model in panel.models}
        curves = {model: density(at, rows, sigma) for model, rows in models.items()}
        one_eigenvalue = 1 / (max(row["parameters"] for row in panel.rows) * sigma * sqrt(2 * pi))
        floor = min(0.1 * one_eigenvalue, *(_DECADES * float(found.max()) for found in curves.values()))
        return cls(panel, at, curves, floor)

    def draw(self, axes: Axes, model: str) -> None:
        """One model's density."""
        mark = mark_of_model(model)
        found = np.maximum(self.curves[model], self.floor)
        axes.fill_between(self.at, found, self.floor, color=mark["color"], alpha=0.25, linewidth=0)
        axes.plot(self.at, found, color=mark["color"], linewidth=0.7)
        ends = [max(values) for values in _by_cell(self.panel, model)]
        axes.plot(ends, [self.floor] * len(ends), **{**mark, "linestyle": ""}, clip_on=False, zorder=4)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=4))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(POWERS)
        axes.set_ylim(self.floor, 3 * max(float(curve.max()) for curve in self.curves.values()))
        axes.annotate(_label(model), (1, 1), (-2, -2), "axes fraction", "offset points", ha="right", va="top")


def _by_cell(panel: Shown, model: str) -> list[list[float]]:
    """The nodes of each seed's model."""
    cells: dict[str, list[float]] = {}
    for row in panel.rows:
        if row["model"] == model:
            cells.setdefault(row["key"], []).append(row["node"])
    return list(cells.values())


def paint_ecdf(selection: Selection) -> Figure:
    """Figure 16: the share of the largest eigenvalues that are at most λ."""
    count = len(selection.panels)
    figure = Figure(figsize=(COLUMN, 0.55 + 2.1 * count), layout="constrained")
    for part, panel in zip(rows_of(figure, selection), selection.panels, strict=True):
        axes = part.subplots()
        every = panel.values("eigenvalue")
        for place, model in enumerate(panel.models):
            values = sorted(panel.values("eigenvalue", model=model))
            share = [(place + 1) / len(values) for place in range(len(values))]
            step = max(len(panel.models), len(values) // 8)
            mark = {**mark_of_model(model), "markevery": (place * step // len(panel.models), step)}
            axes.plot(values, share, drawstyle="steps-post", label=_label(model), **mark)
        if min(every) > 0 and max(every) > 20 * min(every):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(POWERS)
            axes.xaxis.set_minor_formatter("")
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("Eigenvalue λ of the Hessian")
        axes.set_ylabel(f"Share of the {largest(panel)} largest")
    legend(figure, columns=3)
    return figure


def largest(panel: Shown) -> int:
    """How many eigenvalues there are of each model: of all as many as of the one that has fewest."""
    ranks: dict[str, int] = {}
    for row in panel.rows:
        ranks[row["key"]] = max(row["rank"], ranks.get(row["key"], 0))
    return min(ranks.values())


def narrow_ecdf(panel: Shown) -> Shown:
    """As many eigenvalues of each model."""
    most = largest(panel)
    return panel.only([row for row in panel.rows if row["rank"] <= most])


def _label(model: str) -> str:
    return {"T": "T, teacher"}.get(model, short(model))
