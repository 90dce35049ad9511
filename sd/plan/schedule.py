"""A plan: the cells of one or more grids, each once, in an order in which every teacher comes before its students."""

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
    """The steps of a study, keyed by cell, teachers first."""

    name: str
    steps: dict[str, Step]

    @property
    def cells(self) -> list[Cell]:
        return [step.cell for step in self.steps.values()]

    def students_of(self, key: str) -> list[str]:
        """Keys of the planned cells that ``key`` teaches directly."""
        return self._students.get(key, [])

    def descendants(self, key: str) -> set[str]:
        """Keys of all planned cells that cannot be trained without ``key``."""
        found: set[str] = set()
        front = [key]
        while front:
            front = [student for at in front for student in self.students_of(at) if student not in found]
            found.update(front)
        return found

    def needed(self, *, missing: Collection[str], untrained: Collection[str]) -> set[str]:
        """Which cells must be run: the missing ones and, of each that is to be trained, untrained ancestors.

        Args:
            missing: keys of planned cells that lack facts: their training or a measure.
            untrained: keys of planned cells that have no checkpoint here, whether or not their facts are known.
        """
        wanted = set(missing)
        front = [self.steps[key].cell for key in missing]
        for cell in front:
            teacher_is_needed = cell.teacher and cell.key in untrained and cell.teacher.key in untrained
            if cell.teacher and teacher_is_needed and cell.teacher.key not in wanted:
                wanted.add(cell.teacher.key)
                front.append(cell.teacher)
        return wanted

    @cached_property
    def _students(self) -> dict[str, list[str]]:
        students: dict[str, list[str]] = {}
        for cell in self.cells:
            if cell.teacher:
                students.setdefault(cell.teacher.key, []).append(cell.key)
        return students


def plan(grids: Iterable[Grid]) -> Plan:
    """Plan the cells of ``grids``: a cell that several blocks or grids name is there once, with all their measures.

    Its resources are those of the first grid that names it.
    """
    grids = list(grids)
    wanted: dict[str, tuple[Cell, Grid, dict[str, Measure]]] = {}
    for grid in grids:
        for cell, measures in grid.cells:
            _, _, known = wanted.setdefault(cell.key, (cell, grid, {}))
            known.update({measure.key: measure for measure in measures})
    ordered = sorted(wanted.values(), key=lambda item: item[0].round)
    places = {(cell.arch, id(grid)): (cell.arch, grid) for cell, grid, _ in ordered}
    resources = {place: resources_for(arch, grid.resources) for place, (arch, grid) in places.items()}
    steps = {
        cell.key: Step(cell, tuple(measures.values()), resources[cell.arch, id(grid)])
        for cell, grid, measures in ordered
    }
    return Plan(" + ".join(grid.name for grid in grids), steps)
