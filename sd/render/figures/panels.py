"""How panels stand in a figure: a row for each subject under its name, one legend above all."""

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure, SubFigure

from sd.render.figures.selection import Selection, Shown


def rows_of(figure: Figure, selection: Selection) -> Sequence[SubFigure]:
    """A part of the figure for each row of panels, with its name; letters where there are several."""
    count = len(selection.panels)
    parts = list(figure.subfigures(count, 1, squeeze=False)[:, 0])
    for part, (letter, panel) in zip(parts, lettered(selection), strict=True):
        part.suptitle(f"{letter}{panel.subject.title}", x=0.01, ha="left", fontsize="medium")
    return parts


def legend(figure: Figure, *, columns: int | None = None) -> None:
    """One legend above all panels, each label once, the teacher's first and SAM's last."""
    found: dict[str, Artist] = {}
    for axes in figure.get_axes():
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(str(label), handle)
    order = sorted(found, key=lambda label: (not label.startswith("T,"), label == "SAM"))
    figure.legend(
        [found[label] for label in order], order, loc="outside upper center", ncols=columns or max(1, len(order))
    )


def lettered(selection: Selection) -> list[tuple[str, Shown]]:
    """Each row of panels with its letter, ``(a) ``; one alone has none."""
    several = len(selection.panels) > 1
    return [(f"({chr(ord('a') + n)}) " if several else "", panel) for n, panel in enumerate(selection.panels)]
