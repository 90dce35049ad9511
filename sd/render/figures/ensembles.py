"""Figures 2, 3 and 6: accuracies of ensembles and of their students by size, and how far students' logits are."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sd.render.figures.panels import legend, rows_of
from sd.render.figures.selection import Selection, Shown
from sd.render.figures.spread import Point, draw_points
from sd.render.figures.style import COLUMN, PAGE, mark_of_model, marks_of_alphas, short

# Marks of several α at one round stand this far apart; those at one size, by this share of the axis.
_APART = 0.1
_SHARE = 0.03

# So far the axis of sizes goes beyond them.
_ROOM = 0.3

_ACCURACY = "Test accuracy (%)"

DISTANCES = {"mse": "MSE of logits", "mse_centred": "MSE of centred logits"}


def paint_ban(selection: Selection) -> Figure:
    """Figure 2: accuracy by number of models, of ensembles from scratch and of born-again ensembles for each α."""
    figure = _column(selection)
    alphas = _alphas(selection)
    for part, panel in zip(rows_of(figure, selection), selection.panels, strict=True):
        axes = part.subplots()
        first, *shifts = _beside(panel, 1 + len(alphas))
        single, several = _by_size(panel, origin="trained"), _by_size(panel, origin="ensemble")
        scratch = single + [Point(point.x + first, point.values) for point in several]
        draw_points(axes, scratch, mark_of_model("T"), label="trained from scratch")
        lines = _shifted(panel, alphas, shifts, origin="ban")
        _lines(axes, panel, lines, alphas, "BAN, α = {alpha:g}", start={"model": "T"})
        _sizes(axes, panel, "Models in the ensemble")
    legend(figure, columns=2)
    return figure


def paint_teachers(selection: Selection) -> Figure:
    """Figure 3: accuracy by number of models in the teacher, of the teacher and of its student for each α."""
    figure = _column(selection)
    alphas = _alphas(selection)
    for part, panel in zip(rows_of(figure, selection), selection.panels, strict=True):
        axes = part.subplots()
        first, *shifts = _beside(panel, 1 + len(alphas))
        teachers = [Point(point.x + first, point.values) for point in _by_size(panel, part="teacher")]
        draw_points(axes, teachers, mark_of_model("T"), label="teacher (ensemble)")
        _lines(axes, panel, _shifted(panel, alphas, shifts, part="student"), alphas, "student, α = {alpha:g}")
        _sizes(axes, panel, "Models in the teacher")
    legend(figure, columns=2)
    return figure


def narrow_teachers(panel: Shown) -> Shown:
    """Without students at an α that no student of an ensemble has."""
    taught = {row["alpha"] for row in panel.rows if row["part"] == "student" and row["size"] > 1}
    return panel.only([row for row in panel.rows if row["part"] == "teacher" or row["alpha"] in taught])


def paint_fidelity(selection: Selection) -> Figure:
    """Figure 6: mean squared difference of a student's and its teacher's logits by round, raw and centred."""
    count = len(selection.panels)
    figure = Figure(figsize=(PAGE, 0.4 + 1.8 * count), layout="constrained")
    alphas = _alphas(selection)
    for part, panel in zip(rows_of(figure, selection), selection.panels, strict=True):
        for axes, (column, label) in zip(part.subplots(1, 2), DISTANCES.items(), strict=True):
            ticks = {model: float(place) for place, model in enumerate(panel.models)}
            marks = marks_of_alphas(alphas)
            for alpha, shift in zip(alphas, _shifts(len(alphas), _APART), strict=True):
                points = [Point(x + shift, panel.values(column, model=m, alpha=alpha)) for m, x in ticks.items()]
                draw_points(axes, points, marks[alpha], label=f"α = {alpha:g}")
            axes.set_xticks(list(ticks.values()), [f"{short(m)} – {short(_taught_by(m))}" for m in ticks])
            axes.set_xlim(-0.4, len(ticks) - 0.6)
            axes.set_ylim(bottom=0)
            axes.set_ylabel(label)
    legend(figure)
    return figure


def _column(selection: Selection) -> Figure:
    return Figure(figsize=(COLUMN, 0.55 + 2.1 * len(selection.panels)), layout="constrained")


def _taught_by(model: str) -> str:
    return "T" if model == "R1" else f"R{int(model[1:]) - 1}"


def _alphas(selection: Selection) -> list[float]:
    return sorted({alpha for panel in selection.panels for alpha in panel.alphas})


def _shifts(number: int, apart: float) -> list[float]:
    return [apart * (place - (number - 1) / 2) for place in range(number)]


def _beside(panel: Shown, number: int) -> list[float]:
    """Where so many lines stand at one size, beside one another."""
    sizes = [row["size"] for row in panel.rows]
    return _shifts(number, _SHARE * (max(sizes) - min(sizes) + 2 * _ROOM))


def _by_size(panel: Shown, **where: object) -> list[Point]:
    sizes = sorted({row["size"] for row in panel.rows})
    points = [Point(size, panel.values("top1", size=size, **where)) for size in sizes]
    return [point for point in points if point.values]


def _shifted(
    panel: Shown, alphas: Sequence[float], shifts: Sequence[float], **where: object
) -> dict[float, list[Point]]:
    """The points of each α, beside one another."""
    return {
        alpha: [Point(point.x + shift, point.values) for point in _by_size(panel, alpha=alpha, **where)]
        for alpha, shift in zip(alphas, shifts, strict=True)
    }


def _lines(
    axes: Axes,
    panel: Shown,
    lines: dict[float, list[Point]],
    alphas: Sequence[float],
    label: str,
    *,
    start: dict[str, object] | None = None,
) -> None:
    """A line for each α; ``start``: from the single models that are so, which every line shares."""
    marks = marks_of_alphas(alphas)
    for alpha, points in lines.items():
        first = panel.values("top1", **start) if start else []
        if first and points:
            ends = [(1.0, Point(1, first).mean), (points[0].x, points[0].mean)]
            axes.plot(*zip(*ends, strict=True), color=marks[alpha]["color"], linestyle=marks[alpha]["linestyle"])
        draw_points(axes, points, marks[alpha], label=label.format(alpha=alpha))


def _sizes(axes: Axes, panel: Shown, label: str) -> None:
    sizes = sorted({row["size"] for row in panel.rows})
    axes.set_xticks(sizes)
    axes.set_xlim(min(sizes) - _ROOM, max(sizes) + _ROOM)
    axes.set_xlabel(label)
    axes.set_ylabel(_ACCURACY)
