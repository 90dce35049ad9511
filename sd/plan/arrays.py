"""A plan as job arrays: one for each (level, alpha, resources), index-aligned with the array of its teachers.

Student i of an array has its teacher at index i of the teachers' array, so that the cluster can start each student when
its own teacher has ended (``aftercorr``), not when all have. A task is one element of an array: one cell, or a pack.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sd.plan.cell import Cell
from sd.plan.resources import Resources
from sd.plan.schedule import Plan


@dataclass(frozen=True)
class Task:
    """An element of an array: of which one (a job id, or the name of one that is not submitted yet), and its index."""

    array: str
    index: int


@dataclass(frozen=True)
class After:
    """What an array waits for, until it ended well: its twin in one array, or all of some tasks."""

    kind: Literal["aftercorr", "afterok"]
    on: tuple[str, ...]
    indices: tuple[int, ...] = ()

    def spelled(self, ids: Mapping[str, str]) -> str:
        """As sbatch wants it: ``aftercorr:123`` or ``afterok:123_0:124_7``; ``ids`` are of arrays known by name."""
        names = [ids.get(name, name) for name in self.on]
        if self.kind == "afterok":
            names = [f"{name}_{index}" for name, index in zip(names, self.indices, strict=True)]
        return ":".join([self.kind, *names])


@dataclass(frozen=True)
class Array:
    """A job array that is to be submitted.

    Attributes:
        name: ``01-T``, ``02-R1-a0.5`` …: unique in its submission, and in the order of it.
        tasks: keys of the cells of each element, by index.
        after: what it waits for, if it waits for anything.
    """

    name: str
    resources: Resources
    tasks: dict[int, tuple[str, ...]]
    after: After | None

    @property
    def keys(self) -> list[str]:
        return [key for keys in self.tasks.values() for key in keys]

    @property
    def indices(self) -> str:
        """The indices as sbatch wants them: ``0-4,7``."""
        return spans(self.tasks)


def spans(numbers: Iterable[int]) -> str:
    """``0-4,7`` for 0, 1, 2, 3, 4, 7."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in found)


def make_arrays(
    plan: Plan,
    wanted: Collection[str],
    *,
    resources: Mapping[str, Resources],
    queued: Mapping[str, Task],
    largest: int,
) -> list[Array]:
    """The arrays that run the ``wanted`` cells, teachers' arrays first.

    Args:
        wanted: keys of planned cells that are neither done nor in the queue.
        resources: what each wanted cell asks for, by key, with a ``pack``.
        queued: the tasks that earlier submissions have in the queue, by the keys of their cells.
        largest: the number of elements that an array may have; indices run from 0.
    """
    todo = [step.cell for key, step in plan.steps.items() if key in wanted]
    todo.sort(key=lambda cell: not plan.children_of(cell.key))  # those first for which others wait
    places: dict[str, Task] = dict(queued)
    made: list[Array] = []
    sizes = {id(asked): asked.model_dump_json() for asked in resources.values()}
    for level in sorted({cell.depth for cell in todo}):
        groups: dict[tuple[str, ...], list[Cell]] = {}
        for cell in todo:
            if cell.depth == level:
                waits = sorted({places[parent.key].array for parent in cell.parents if parent.key in places})
                alone = [cell.key] if sum(parent.key in places for parent in set(cell.parents)) > 1 else []
                group = (str(cell.alpha), sizes[id(resources[cell.key])], *waits, *alone)
                groups.setdefault(group, []).append(cell)
        for cells in groups.values():
            for tasks, after in _tasks(cells, places, resources[cells[0].key].pack or 1, largest):
                array = Array(
                    _name(len(made) + 1, [c for t in tasks.values() for c in t]),
                    resources[cells[0].key],
                    {index: tuple(cell.key for cell in cells) for index, cells in tasks.items()},
                    after,
                )
                places |= {key: Task(array.name, index) for index, keys in array.tasks.items() for key in keys}
                made.append(array)
    return made


def _tasks(
    cells: list[Cell], places: Mapping[str, Task], pack: int, largest: int
) -> Iterable[tuple[dict[int, list[Cell]], After | None]]:
    """The cells of one group by index, in one or more arrays."""
    parents = [[parent for parent in dict.fromkeys(cell.parents) if parent.key in places] for cell in cells]
    if len(parents[0]) > 1:
        for cell, waited in zip(cells, parents, strict=True):
            distinct = sorted({places[parent.key] for parent in waited}, key=lambda task: (task.array, task.index))
            yield {0: [cell]}, After("afterok", tuple(t.array for t in distinct), tuple(t.index for t in distinct))
    elif parents[0]:
        yield from _beside_their_parents(cells, [waited[0] for waited in parents], places)
    else:
        packs = [cells[at : at + pack] for at in range(0, len(cells), pack)]
        for at in range(0, len(packs), largest):
            yield dict(enumerate(packs[at : at + largest])), None


def _beside_their_parents(
    cells: list[Cell], parents: list[Cell], places: Mapping[str, Task]
) -> Iterable[tuple[dict[int, list[Cell]], After]]:
    """Cells at the index of the one cell that each waits for; a second one that waits for it goes to a second array."""
    taught: dict[str, int] = {}
    layers: dict[int, dict[int, list[Cell]]] = {}
    for cell, parent in zip(cells, parents, strict=True):
        nth = taught[parent.key] = taught.get(parent.key, -1) + 1
        layers.setdefault(nth, {}).setdefault(places[parent.key].index, []).append(cell)
    for layer in layers.values():
        yield layer, After("aftercorr", (places[parents[0].key].array,))


def _name(number: int, cells: list[Cell]) -> str:
    columns = "+".join(sorted({cell.stage for cell in cells}, key=lambda name: (name == "SAM", name)))
    alphas = {cell.alpha for cell in cells} - {None}
    return f"{number:02}-{columns}" + (f"-a{alphas.pop():g}" if len(alphas) == 1 else "")
