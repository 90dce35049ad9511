"""Figures 4, 5 and 10 to 13: trace and λmax of the Hessian by round, for each α, with T and SAM."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sd.render.claims.study import Row, Study
from sd.render.figures.panels import legend, rows_of
from sd.render.figures.selection import Selection, Shown
from sd.render.figures.spread import Point, draw_points
from sd.render.figures.style import BLACK, PAGE, mark_of_model, marks_of_alphas, short

MEASURES = {"trace": "Trace of the Hessian", "lambda_max": "λmax of the Hessian"}

# Marks of several α at one round stand this far apart.
_APART = 0.16

# What the paper prints stands so far to the left.
_PRINTED = 0.3


def paint(selection: Selection) -> Figure:
    """A row of panels for each subject: the trace to the left, λmax to the right."""
    count = len(selection.panels)
    figure = Figure(figsize=(PAGE, 0.3 + 1.8 * count), layout="constrained")
    alphas = sorted({alpha for panel in selection.panels for alpha in panel.alphas})
    for part, panel in zip(rows_of(figure, selection), selection.panels, strict=True):
        grid = part.subplots(1, len(MEASURES))
        for axes, measure in zip(grid, MEASURES, strict=True):
            _panel(axes, panel, measure, alphas, [row for row in selection.beside if _prints(row, panel)])
    legend(figure)
    return figure


def printed(selection: Selection) -> list[Row]:
    """What the paper prints for the cells that are shown."""
    return [row for row in selection.beside if any(_prints(row, panel) for panel in selection.panels)]


def _prints(row: Row, panel: Shown) -> bool:
    """Whether a printed number is of a panel's cells, under the paper's protocol; which has one augmentation there."""
    subject = panel.subject
    return subject.study == Study(row["dataset"], "") and subject.arch == row["arch"]


def _open_marks(axes: Axes, rows: list[Row], measure: str, ticks: dict[str, float], alphas: list[float]) -> None:
    """What the paper prints, as open marks to the left of ours, so that nobody takes it for measured."""
    marks = marks_of_alphas(alphas)
    for row in (row for row in rows if row["model"] in ticks and row[measure] is not None):
        mark = mark_of_model(row["model"]) if row["alpha"] is None else marks.get(row["alpha"], mark_of_model("T"))
        look = {"marker": mark["marker"], "markeredgecolor": mark["color"], "markerfacecolor": "none"}
        axes.plot(ticks[row["model"]] - _PRINTED, row[measure], linestyle="none", **look)
    if rows:
        tables = " and ".join(sorted({row["printed"] for row in rows}))
        look = {"marker": "o", "markeredgecolor": BLACK, "markerfacecolor": "none", "linestyle": "none"}
        axes.plot([], [], label=f"printed in the paper ({tables})", **look)


def _panel(axes: Axes, panel: Shown, measure: str, alphas: list[float], prints: list[Row]) -> None:
    rounds = [model for model in panel.models if model != "SAM"]
    ticks = {model: float(place) for place, model in enumerate(rounds)}
    marks = marks_of_alphas(alphas)
    teacher = panel.values(measure, model="T")
    for place, alpha in enumerate(alphas):
        shift = _APART * (place - (len(alphas) - 1) / 2)
        students = [
            Point(ticks[model] + shift, panel.values(measure, model=model, alpha=alpha))
            for model in rounds
            if model != "T"
        ]
        if teacher and students and students[0].values:
            first = (ticks["T"], Point(0, teacher).mean), (students[0].x, students[0].mean)
            axes.plot(*zip(*first, strict=True), color=marks[alpha]["color"], linestyle=marks[alpha]["linestyle"])
        draw_points(axes, students, marks[alpha], label=f"students, α = {alpha:g}")
    if teacher:
        draw_points(axes, [Point(ticks["T"], teacher)], mark_of_model("T"), label="T, teacher", line=False)
    sam = panel.values(measure, model="SAM")
    if sam:
        ticks["SAM"] = len(rounds) + 0.15
        axes.axhline(Point(0, sam).mean, color=mark_of_model("SAM")["color"], linewidth=0.6, linestyle=":", zorder=1)
        draw_points(axes, [Point(ticks["SAM"], sam)], mark_of_model("SAM"), label="SAM", line=False)
    _open_marks(axes, prints, measure, ticks, alphas)
    axes.set_xticks(list(ticks.values()), [short(model) for model in ticks])
    axes.set_xlim(-0.4, max(ticks.values()) + 0.4)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_ylabel(MEASURES[measure])
