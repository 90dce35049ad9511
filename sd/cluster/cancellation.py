"""What has to leave the queue with some cells: whatever descends from them, in this root's submissions."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sd.cluster import slurm
from sd.cluster.manifest import read_cells
from sd.cluster.submission import in_queue


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
    queued = in_queue(root, slurm.queue())
    manifests = {it.manifest for it in queued.values()}
    cells = {cell.key: cell for path in manifests for inside in read_cells(path).values() for cell in inside}
    going = {key for key in queued if named.intersection(ancestor.key for ancestor in cells[key].lineage)}
    tasks = {queued[key].entry.id: queued[key].entry for key in going}
    beside = [key for key in queued if key not in going and queued[key].entry.id in tasks]
    running = sum(entry.state != "PENDING" for entry in tasks.values())
    return Cancellation(sorted(tasks), running, len(going), len(going - named), len(beside))
