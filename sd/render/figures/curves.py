"""Figures 4, 5 and 10 to 13: trace and λmax of the Hessian by round, for each α, with T and SAM."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sd.render.figures.panels import legend, rows_of
from sd.render.figures.selection import Selection, Shown
from sd.render.figures.spread import Point, draw_points
from sd.render.figures.style import PAGE, mark_of_model, marks_of_alphas, short

MEASURES = {"trace": "Trace of the Hessian", "lambda_max": "λmax of the Hessian"}

# Marks of several α at one round stand this far apart.
_APART = 0.11


def paint(selection: Selection) -> Figure:
    """A row of panels for each subject: the trace to the left, λmax to the right."""
    count = len(selection.panels)
    figure = Figure(figsize=(PAGE, 0.3 + 1.8 * count), layout="constrained")
    alphas = sorted({alpha for panel in selection.panels for alpha in panel.alphas})
    for part, panel in zip(rows_of(figure, selection), selection.panels, strict=True):
        grid = part.subplots(1, len(MEASURES))
        for axes, measure in zip(grid, MEASURES, strict=True):
            _panel(axes, panel, measure, alphas)
    legend(figure)
    return figure


def _panel(axes: Axes, panel: Shown, measure: str, alphas: list[float]) -> None:
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
    axes.set_xticks(list(ticks.values()), [short(model) for model in ticks])
    axes.set_xlim(-0.4, max(ticks.values()) + 0.4)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_ylabel(MEASURES[measure])
