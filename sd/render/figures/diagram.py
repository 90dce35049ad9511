"""Figure 1: two rounds of self-distillation, drawn."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from sd.render.figures.style import BLACK, BLUE, PAGE, PALE, RED

_NAMES = ("T, teacher", "S1, student of round 1", "S2, student of round 2")
_LOSSES = ("CE", "α·CE + (1 − α)·τ²·KL", "α·CE + (1 − α)·τ²·KL")
_MODELS = ("f⁽⁰⁾", "f⁽¹⁾", "f⁽²⁾")
_SOFT = ("y⁽⁰⁾", "y⁽¹⁾")

# Heights of the images, the models, the losses and the labels; the distance of two models.
_IMAGES, _NETWORKS, _LOSS, _LABELS = 0.0, 0.85, 1.85, 2.65
_APART = 2.5


def paint() -> Figure:
    """The images and labels that every model sees, and the soft labels that go from each to the next."""
    figure = Figure(figsize=(PAGE, 2.75), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-1.05, 2 * _APART + 1.05)
    axes.set_ylim(-0.28, 2.95)
    centre = _APART
    _box(axes, centre, _IMAGES, 2 * _APART + 1.8, "images x, the same augmented view for teacher and student", PALE)
    _box(axes, centre, _LABELS, 2 * _APART + 1.8, "ground-truth labels y", PALE)
    for place in range(3):
        x = place * _APART
        _box(axes, x, _NETWORKS, 1.8, f"{_MODELS[place]}\n{_NAMES[place]}", BLUE, high=0.52)
        _box(axes, x, _LOSS, 1.8, _LOSSES[place], RED)
        _arrow(axes, (x, _IMAGES + 0.18), (x, _NETWORKS - 0.28))
        _arrow(axes, (x, _NETWORKS + 0.28), (x, _LOSS - 0.18))
        _arrow(axes, (x, _LABELS - 0.18), (x, _LOSS + 0.18))
    for place in range(2):
        start, end = (place * _APART + 0.92, _NETWORKS), ((place + 1) * _APART - 0.92, _LOSS)
        _arrow(axes, start, end, dashed=True)
        middle = ((start[0] + end[0]) / 2 - 0.1, (start[1] + end[1]) / 2)
        axes.text(*middle, f"soft labels\n{_SOFT[place]}", ha="right", va="center")
    return figure


def _box(axes: Axes, x: float, y: float, wide: float, text: str, color: str, *, high: float = 0.32) -> None:
    style = "round,pad=0,rounding_size=0.06"
    corner = (x - wide / 2, y - high / 2)
    axes.add_patch(FancyBboxPatch(corner, wide, high, style, facecolor="white", edgecolor=color, linewidth=1.1))
    axes.text(x, y, text, ha="center", va="center", linespacing=1.3)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], *, dashed: bool = False) -> None:
    style = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "color": BLACK, "linewidth": 0.9}
    axes.annotate("", end, start, arrowprops=style | ({"linestyle": (0, (4, 2))} if dashed else {}))
