"""What draws each figure, what of the rows it draws, and what its caption needs to know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.figure import Figure

from sd.render.figures import curves, diagram, ensembles, landscape, robustness, spectrum
from sd.render.figures.selection import Selection, Shown


def _all(panel: Shown) -> Shown:
    return panel


@dataclass(frozen=True)
class Painter:
    """A way to draw.

    Attributes:
        narrow: the rows of a subject that are drawn, of those that the query finds.
        beside: the same of the rows that belong to no cell.
        facts: what the caption says besides.
    """

    paint: Callable[[Selection], Figure]
    narrow: Callable[[Shown], Shown] = _all
    beside: Callable[[Selection], list[Any]] = lambda selection: []
    facts: Callable[[Selection], Mapping[str, Any]] = lambda selection: {}

    def chosen(self, selection: Selection) -> Selection:
        """What is drawn of what was found."""
        narrowed = replace(selection, panels=[self.narrow(panel) for panel in selection.panels])
        return replace(narrowed, beside=self.beside(narrowed))


def _plane(selection: Selection) -> Mapping[str, Any]:
    row = selection.panels[0].rows[0]
    normalised = f"{row['normalise']}-normalised" if row["normalise"] != "none" else "not normalised"
    x, y = ({point[name] for point in selection.panels[0].rows} for name in ("x", "y"))
    levels = landscape.levels(selection.panels)
    return {
        "normalised": normalised,
        "direction": row["direction"],
        "seed": row["seed"],
        "points": f"{len(x)} × {len(y)}",
        "levels": f"every {levels[1] - levels[0]:.3g} from {levels[0]:.3g} to {levels[-1]:.3g}",
    }


def _testbed(selection: Selection) -> Mapping[str, Any]:
    row = selection.panels[0].rows[0]
    reference, shifted = robustness.SETS.get(row["testbed"], ("the reference test set", "the shifted test set"))
    line = robustness.fitted(selection.beside)
    return {
        "reference": reference,
        "shifted": shifted,
        "published": len(selection.beside),
        "fitted": line.n if line else 0,
        "id_images": f"{row['id_images']:,}",
        "ood_images": f"{row['n_samples']:,}",
    }


def _printed(selection: Selection) -> Mapping[str, Any]:
    return {"printed": " and ".join(sorted({row["printed"] for row in selection.beside}))}


def _surfaces(paint: Callable[[Selection], Figure]) -> Painter:
    return Painter(paint, landscape.narrow, facts=_plane)


PAINTERS: Mapping[str, Painter] = {
    "diagram": Painter(lambda _: diagram.paint()),
    "ban": Painter(ensembles.paint_ban),
    "teachers": Painter(ensembles.paint_teachers, ensembles.narrow_teachers),
    "curves": Painter(curves.paint, beside=curves.printed, facts=_printed),
    "fidelity": Painter(ensembles.paint_fidelity),
    "spectrum": Painter(spectrum.paint_density, facts=lambda _: {"width": f"{100 * spectrum.WIDTH:g} %"}),
    "contour": _surfaces(landscape.paint_contour),
    "heat": _surfaces(landscape.paint_heat),
    "surface": _surfaces(landscape.paint_surface),
    "robustness": Painter(robustness.paint, robustness.narrow, robustness.standard, _testbed),
    "ecdf": Painter(
        spectrum.paint_ecdf,
        spectrum.narrow_ecdf,
        facts=lambda selection: {"largest": min(spectrum.largest(panel) for panel in selection.panels)},
    ),
}
