"""What has to leave the queue with some cells: whatever descends from them, in this root's submissions."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sd.cluster.ledger import tasks_in_queue
from sd.cluster.manifest import read_cells


@dataclass(frozen=True)
class Cancellation:
    """Tasks to cancel.

    Attributes:
        tasks: their ids, as scancel takes them.
        running: how many of them run.
        cells: how many cells are in them that are to go.
        descendants: how many of these were not named, but descend from such.
        beside: how many other cells share a task with them, and go, too.
    """

    tasks: list[str]
    running: int
    cells: int
    descendants: int
    beside: int


def find_cancellation(root: Path, keys: Collection[str]) -> Cancellation:
    """The tasks in the queue that hold one of these cells, or a descendant of one."""
    named = set(keys)
    tasks = [task for task in tasks_in_queue(root) if task.entry.state != "COMPLETING"]
    cells = {
        cell.key: cell
        for manifest in {task.manifest for task in tasks}
        for inside in read_cells(manifest).values()
        for cell in inside
    }
    inside = {key for task in tasks for key in task.keys}
    going = {key for key in inside if named.intersection(ancestor.key for ancestor in cells[key].lineage)}
    ending = [task for task in tasks if going.intersection(task.keys)]
    beside = {key for task in ending for key in task.keys} - going
    running = sum(task.entry.state != "PENDING" for task in ending)
    return Cancellation(sorted(task.entry.id for task in ending), running, len(going), len(going - named), len(beside))
