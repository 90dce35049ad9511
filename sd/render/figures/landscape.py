"""Figures 8, 14 and 15: the loss around T and its students, as contours, as a heat map and in three dimensions."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from sd.render.claims.study import Row
from sd.render.figures.panels import rows_of
from sd.render.figures.selection import Selection, Shown
from sd.render.figures.style import PAGE, PALE, short

LOWEST, HIGHEST, STEP = 0.1, 10.0, 0.5
"""Levels of the contours, as in Li et al.'s own figures (spec H20): 0.1, 0.6, 1.1 … below 10."""

COLOURS = "viridis"
# Without its palest fifth, which lines on white paper would be lost in.
_OF_LINES = ListedColormap(colormaps[COLOURS](np.linspace(0, 0.8, 256)))

_TICKS = 0.5

Grid = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def narrow(panel: Shown) -> Shown:
    """One plane of one chain: of the lowest seeds of which there are most models."""
    places: dict[tuple[int, int], set[str]] = {}
    for row in panel.rows:
        places.setdefault((row["seed"], row["direction"]), set()).add(row["model"])
    seed, direction = min(places, key=lambda place: (-len(places[place]), place))
    return panel.only([row for row in panel.rows if (row["seed"], row["direction"]) == (seed, direction)])


def grid_of(rows: Sequence[Row]) -> Grid:
    """x, y and the loss at each of their crossings, NaN where there is none."""
    xs, ys = (sorted({row[name] for row in rows}) for name in ("x", "y"))
    loss = np.full((len(ys), len(xs)), np.nan)
    column, line = ({value: place for place, value in enumerate(values)} for values in (xs, ys))
    for row in rows:
        loss[line[row["y"]], column[row["x"]]] = row["loss"]
    return np.array(xs), np.array(ys), np.where(np.isfinite(loss), loss, np.nan)


def levels(panels: Sequence[Shown]) -> NDArray[np.float64]:
    """Li et al.'s levels; where the surfaces are too flat for three of them, twelve between their ends."""
    losses = np.array([row["loss"] for panel in panels for row in panel.rows])
    losses = losses[np.isfinite(losses)]
    fixed = np.arange(LOWEST, HIGHEST, STEP)
    if np.count_nonzero((fixed > losses.min()) & (fixed < losses.max())) >= 3:
        return fixed
    return np.linspace(losses.min(), losses.max(), 14)[1:-1]


def paint_contour(selection: Selection) -> Figure:
    """Figure 8: contours at the same levels for all models, each with its loss."""
    wanted = levels(selection.panels)
    colour = Normalize(wanted[0], wanted[-1])

    def one(axes: Any, grid: Grid) -> None:
        lines = axes.contour(*grid, levels=wanted, cmap=_OF_LINES, norm=colour, linewidths=0.8)
        axes.clabel(lines, lines.levels[2:7:4], fontsize=5.5, fmt=lambda level: f"{level:.3g}", inline_spacing=2)

    def bar(part: SubFigure, row: list[Any]) -> None:
        drawn = part.colorbar(ScalarMappable(colour, _OF_LINES), ax=row, pad=0.02, aspect=28)
        drawn.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        drawn.set_ticks(list(wanted[::4]))
        drawn.set_label("Cross-entropy")

    return _planes(selection, one, bar)


def paint_heat(selection: Selection) -> Figure:
    """Figure 14: the loss as colour, the same for all models; above the highest level it is the same everywhere."""
    colour = _colours(selection.panels)

    def one(axes: Any, grid: Grid) -> None:
        axes.pcolormesh(*grid, norm=colour, cmap=COLOURS, shading="nearest", rasterized=True)

    def bar(part: SubFigure, row: list[Any]) -> None:
        drawn = part.colorbar(ScalarMappable(colour, COLOURS), ax=row, extend="max", pad=0.02, aspect=28)
        drawn.set_label("Cross-entropy")
        drawn.ax.yaxis.set_major_formatter(_PLAIN)
        drawn.ax.yaxis.set_minor_formatter(_PLAIN)

    return _planes(selection, one, bar)


def _planes(
    selection: Selection, one: Callable[[Any, Grid], None], bar: Callable[[SubFigure, list[Any]], None]
) -> Figure:
    count = len(selection.panels)
    figure = Figure(figsize=(PAGE, 0.2 + 2.45 * count), layout="constrained")
    for part, panel in zip(rows_of(figure, selection), selection.panels, strict=True):
        row = part.subplots(1, len(panel.models), squeeze=False, sharex=True, sharey=True)[0]
        for axes, model in zip(row, panel.models, strict=True):
            one(axes, grid_of([point for point in panel.rows if point["model"] == model]))
            axes.set_aspect("equal")
            axes.set_title(_name(model), loc="center")
            axes.set_xlabel("First direction")
            axes.xaxis.set_major_locator(MultipleLocator(_TICKS))
            axes.yaxis.set_major_locator(MultipleLocator(_TICKS))
            axes.plot(0, 0, "+", color="black", markersize=5, markeredgewidth=0.8)
        row[0].set_ylabel("Second direction")
        bar(part, list(row))
    return figure


def paint_surface(selection: Selection) -> Figure:
    """Figure 15: the surfaces in three dimensions under the same axes, cut off above the highest level."""
    count = len(selection.panels)
    highest = float(_colours(selection.panels).vmax or HIGHEST)
    figure = Figure(figsize=(PAGE, 2.35 * count))
    for part, panel in zip(rows_of(figure, selection), selection.panels, strict=True):
        row = part.subplots(1, len(panel.models), squeeze=False, subplot_kw={"projection": "3d"})[0]
        for axes, model in zip(row, panel.models, strict=True):
            x, y, loss = grid_of([point for point in panel.rows if point["model"] == model])
            _surface(axes, x, y, np.minimum(loss, highest), Normalize(0, highest))
            axes.set_zlim(0, highest)
            axes.set_title(_name(model), loc="center", y=0.98)
        part.subplots_adjust(left=0.0, right=0.97, bottom=0.04, top=0.84, wspace=0.06)
    return figure


def _surface(axes: Any, x: NDArray[np.float64], y: NDArray[np.float64], loss: Any, colour: Normalize) -> None:
    across, along = np.meshgrid(x, y)
    axes.plot_surface(
        across,
        along,
        loss,
        cmap=COLOURS,
        norm=colour,
        rcount=len(y),
        ccount=len(x),
        linewidth=0,
        antialiased=False,
        rasterized=True,
    )
    axes.view_init(elev=28, azim=-55)
    axes.tick_params(labelsize=6, pad=-3)
    axes.set_xticks([x[0], 0, x[-1]])
    axes.set_yticks([y[0], 0, y[-1]])
    axes.set_xlabel("First direction", labelpad=-9, fontsize=6.5)
    axes.set_ylabel("Second direction", labelpad=-6.5, fontsize=6.5)
    axes.set_zlabel("Cross-entropy", labelpad=-9, fontsize=6.5)
    axes.set_box_aspect((1, 1, 0.75), zoom=0.95)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis._axinfo["grid"].update(color=PALE, linewidth=0.4)


def _colours(panels: Sequence[Shown]) -> Normalize:
    """From the lowest loss to the highest level, on a logarithmic scale."""
    losses = np.array([row["loss"] for panel in panels for row in panel.rows])
    losses = losses[np.isfinite(losses)]
    return LogNorm(max(float(losses.min()), 1e-3), min(float(losses.max()), HIGHEST))


def _name(model: str) -> str:
    return {"T": "T, teacher"}.get(model, f"{short(model)}, student of round {model[1:]}")


_PLAIN = FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else "")
