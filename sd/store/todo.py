"""What is to be done of a plan: whatever is neither done nor in a queue, with the ancestors that it needs."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sd.plan.schedule import Plan, Step
from sd.store.database import Database
from sd.store.progress import Done, progress
from sd.store.record import cell_folder, records_of


@dataclass(frozen=True)
class Todo:
    """How far a plan is, and what is to be run now.

    Attributes:
        queued: keys of the plan's cells that are in a queue, and of others there.
        wanted: keys of the cells to run.
    """

    plan: Plan
    done: Done
    queued: frozenset[str]
    wanted: frozenset[str]

    @property
    def steps(self) -> list[Step]:
        """What is to be run, teachers first."""
        return [step for key, step in self.plan.steps.items() if key in self.wanted]


def take_stock(plan: Plan, root: Path, database: Database) -> tuple[Done, list[str]]:
    """What is done of a plan, once its records are taken in; and a line for each that could not be."""
    refused = database.ingest(path for key in plan.steps for path in records_of(cell_folder(root, key))).refused
    return progress(plan, root, database), refused


def find_todo(plan: Plan, done: Done, queued: Collection[str], *, again: Collection[str] | None = None) -> Todo:
    """What is to be run of a plan now.

    Args:
        done: what is done of it (:func:`take_stock`).
        queued: keys of cells that are in a queue already.
        again: if given, only these cells and what descends from them, with the ancestors that they need.
    """
    free = plan.steps.keys() - set(queued)
    missing = free - done.facts
    if again is not None:
        missing &= set(again).union(*(plan.descendants(key) for key in again))
    wanted = plan.needed(missing=missing, untrained=free - done.trained)
    return Todo(plan, done, frozenset(queued), frozenset(wanted))
