"""A plan: the cells of one or more grids, each once, in an order in which each comes after what it is made from."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from sd.plan.cell import Cell
from sd.plan.grid import Grid
from sd.plan.measure import Measure
from sd.plan.resources import NOTHING_ASKED, Resources, resources_for


@dataclass(frozen=True)
class Step:
    """A cell, what is to be measured of it, and what its grid says that its job shall ask for."""

    cell: Cell
    measures: tuple[Measure, ...] = ()
    resources: Resources = NOTHING_ASKED


@dataclass(frozen=True)
class Plan:
    """The steps of a study, keyed by cell, teachers and members first."""

    name: str
    steps: dict[str, Step]

    @property
    def cells(self) -> list[Cell]:
        return [step.cell for step in self.steps.values()]

    def children_of(self, key: str) -> list[str]:
        """Keys of the planned cells that are made from ``key`` directly: its students, and ensembles that it is in."""
        return self._children.get(key, [])

    def descendants(self, key: str) -> set[str]:
        """Keys of all planned cells that cannot be made without ``key``."""
        found: set[str] = set()
        front = [key]
        while front:
            front = [child for at in front for child in self.children_of(at) if child not in found]
            found.update(front)
        return found

    def needed(self, *, missing: Collection[str], untrained: Collection[str]) -> set[str]:
        """Which cells must be run: the missing ones and, of each that is to be made, ancestors that are not there.

        Args:
            missing: keys of planned cells that lack facts: their training or a measure.
            untrained: keys of planned cells that have no checkpoint here, whether or not their facts are known.
        """
        wanted = set(missing)
        front = [self.steps[key].cell for key in missing]
        for cell in front:
            for parent in cell.parents if cell.key in untrained else ():
                if parent.key in untrained and parent.key not in wanted:
                    wanted.add(parent.key)
                    front.append(parent)
        return wanted

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for cell in self.cells:
            for parent in dict.fromkeys(cell.parents):
                children.setdefault(parent.key, []).append(cell.key)
        return children


def plan(grids: Iterable[Grid]) -> Plan:
    """Plan the cells of ``grids``: a cell that several blocks or grids name is there once, with all their measures.

    Its resources are those of the first grid that names it.
    """
    grids = list(grids)
    wanted: dict[str, tuple[Cell, Grid, dict[str, Measure]]] = {}
    for grid in (inner for outer in grids for inner in outer.all):
        for cell, measures in grid.cells:
            _, _, known = wanted.setdefault(cell.key, (cell, grid, {}))
            known.update({measure.key: measure for measure in measures})
    ordered = sorted(wanted.values(), key=lambda item: item[0].depth)
    places = {(cell.arch, id(grid)): (cell.arch, grid) for cell, grid, _ in ordered}
    resources = {place: resources_for(arch, grid.resources) for place, (arch, grid) in places.items()}
    steps = {
        cell.key: Step(cell, tuple(measures.values()), resources[cell.arch, id(grid)])
        for cell, grid, measures in ordered
    }
    return Plan(" + ".join(grid.name for grid in grids), steps)
