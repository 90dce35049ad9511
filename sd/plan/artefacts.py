"""The paper's tables and figures: the grid that makes each, which of its cells it shows, and which measure of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from sd import BadInput, resource
from sd.plan.cell import Cell
from sd.plan.grid import read_grid
from sd.plan.measure import Curvature, Measure
from sd.plan.schedule import Plan, Step, plan


def _every(cell: Cell) -> bool:
    return True


def _curvature(measure: Measure) -> bool:
    return measure.name == "curvature" and not _top_hundred(measure)


def _top_hundred(measure: Measure) -> bool:
    """The measurement of Figures 7 and 16: the hundred largest eigenvalues, and the density of more steps."""
    return isinstance(measure, Curvature) and measure.top >= 100


def _nothing(measure: Measure) -> bool:
    return False


@dataclass(frozen=True)
class Artefact:
    """A table or a figure of the paper.

    Attributes:
        name: ``Table 2``, ``Figure 4``.
        grid: the grid in ``jobs/`` that plans its cells; empty for the diagram, which needs none.
        shows: whether a cell of that grid is in it.
        wants: whether it shows a measure of these cells; test accuracy is always wanted.
        measure: the name of that measure; empty where accuracy is all.
    """

    name: str
    grid: str
    shows: Callable[[Cell], bool] = _every
    wants: Callable[[Measure], bool] = _nothing
    measure: str = ""

    @property
    def path(self) -> str:
        """The grid's path as a command names it."""
        return f"jobs/{self.grid}.yaml"

    def steps(self, *, minimal: bool = False) -> list[Step]:
        """Its cells with the measures that it shows, teachers first.

        Args:
            minimal: without the blocks of ``tier: full``.
        """
        if not self.grid:
            return []
        return [
            Step(step.cell, tuple(filter(self.wants, step.measures)), step.resources)
            for step in grid_plan(self.grid, minimal=minimal).steps.values()
            if self.shows(step.cell)
        ]


@cache
def grid_plan(name: str, *, minimal: bool = False) -> Plan:
    """The plan of a grid that ships with sd."""
    return plan([read_grid(resource("jobs", f"{name}.yaml"), minimal=minimal)])


def _of(arch: str, aug: str | None = None, *, sam: bool = True) -> Callable[[Cell], bool]:
    return lambda cell: cell.arch == arch and aug in (None, cell.aug) and (sam or cell.optimizer != "sam")


def _one_chain(cell: Cell) -> bool:
    """ResNet18 with augmentation, seed 0, α = 0.5, and SAM beside it (Figures 7 and 16)."""
    return cell.arch == "resnet18" and cell.aug == "aa_cutout" and cell.seed == 0 and cell.alpha in (None, 0.5)


ARTEFACTS = (
    Artefact("Table 2", "table2"),
    Artefact("Table 1", "table1"),
    Artefact("Table 3", "table3"),
    Artefact("Table 4", "table4", wants=_curvature, measure="curvature"),
    Artefact("Table 5", "table5", wants=_curvature, measure="curvature"),
    Artefact("Figure 1", ""),
    Artefact("Figure 2", "figure2"),
    Artefact("Figure 3", "figure3"),
    Artefact("Figure 4", "table2", _of("resnet18"), _curvature, "curvature"),
    Artefact(
        "Figure 5",
        "table2",
        lambda cell: cell.arch in {"vgg16", "vit_s32"} and cell.aug == "aa_cutout",
        _curvature,
        "curvature",
    ),
    Artefact(
        "Figure 6",
        "table2",
        _of("resnet18", "aa_cutout", sam=False),
        lambda measure: measure.name == "fidelity",
        "fidelity",
    ),
    Artefact("Figure 7", "table2", _one_chain, _top_hundred, "curvature"),
    Artefact("Figure 8", "figure8", wants=lambda measure: measure.name == "landscape", measure="landscape"),
    Artefact("Figure 9", "figure9", wants=lambda measure: measure.name == "robustness", measure="robustness"),
    Artefact("Figure 10", "figure10", wants=_curvature, measure="curvature"),
    Artefact("Figure 11", "table2", _of("vgg16", "aa_cutout"), _curvature, "curvature"),
    Artefact("Figure 12", "figure12", wants=_curvature, measure="curvature"),
    Artefact("Figure 13", "table3", _of("resnet20", "aa_cutout"), _curvature, "curvature"),
    Artefact("Figure 14", "figure8", wants=lambda measure: measure.name == "landscape", measure="landscape"),
    Artefact("Figure 15", "figure8", wants=lambda measure: measure.name == "landscape", measure="landscape"),
    Artefact("Figure 16", "table2", _one_chain, _top_hundred, "curvature"),
)
"""In the order in which their runs are counted: a run is new where no earlier one has it."""

CLAIMS: dict[str, tuple[str, ...]] = {
    "C0": ("Table 1",),
    "C1": ("Table 1", "Table 2", "Table 3", "Table 4", "Table 5"),
    "C2": ("Table 2", "Table 3", "Table 4", "Table 5"),
    "C3": ("Figure 2",),
    "C4": ("Figure 3",),
    "C5": ("Figure 6",),
    **dict.fromkeys(
        ("C6", "C6b", "C7"),
        ("Figure 4", "Figure 5", "Figure 10", "Figure 12", "Figure 13", "Table 4", "Table 5"),
    ),
    "C8": ("Figure 4",),
    "C9": ("Figure 9",),
    "C10": ("Figure 9",),
    "C11": ("Figure 7",),
    "C12": ("Figure 16",),
    "C13": ("Figure 8",),
    "C14": ("Figure 4", "Figure 5", "Figure 10", "Figure 12", "Figure 13", "Table 4", "Table 5"),
    "C15": ("Table 2", "Table 3", "Table 5"),
    "C16": ("Table 2", "Table 3", "Table 4", "Table 5"),
}
"""Where the facts of each claim come from, of the paper's own experiments."""


def artefact(kind: str, number: str) -> Artefact:
    """``artefact("Figure", "4")``. Raises ``BadInput`` where the paper has none of that number."""
    found = next((it for it in ARTEFACTS if it.name == f"{kind} {number}"), None)
    if found is None:
        numbers = sorted(int(it.name.split()[1]) for it in ARTEFACTS if it.name.startswith(kind))
        raise BadInput(
            f"--{kind.lower()}: the paper has no {kind} {number}; give {numbers[0]} to {numbers[-1]}, or all"
        )
    return found


def counted_once(*, minimal: bool = False) -> Iterator[tuple[Artefact, list[Step], list[Step]]]:
    """Each artefact with the steps that it shows, and those of them whose cell no earlier one has."""
    known: set[str] = set()
    for it in ARTEFACTS:
        steps = it.steps(minimal=minimal)
        yield it, steps, [step for step in steps if step.cell.key not in known]
        known.update(step.cell.key for step in steps)
