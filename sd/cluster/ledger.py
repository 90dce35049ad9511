"""Which job each cell has: SLURM's queue and what was submitted, read against the manifests of a root's submissions.

Whose a job is, is said by its comment alone: job ids are given out again when a controller has crashed.
"""

import sys
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sd import BadInput
from sd.cluster import slurm
from sd.cluster.manifest import read_keys
from sd.cluster.scripts import log_path, read_comment
from sd.cluster.slurm import Entry
from sd.durable import write_durably
from sd.plan.arrays import Task

# Seconds that a launcher waits for jobs that are ending, to see whether they end or go back into the queue.
_PATIENCE = 90


@dataclass(frozen=True)
class QueuedTask:
    """A task of this root in SLURM's queue: as squeue shows it, its manifest, and the keys of its cells."""

    entry: Entry
    manifest: Path
    keys: tuple[str, ...]

    @property
    def task(self) -> Task:
        return Task(self.entry.array, self.entry.index)

    @property
    def log(self) -> Path:
        return log_path(self.manifest.parent, self.entry.array, self.entry.index)


def tasks_in_queue(root: Path) -> list[QueuedTask]:
    """What this root has in SLURM's queue. A job id that was not written down yet is written now.

    Raises:
        BadInput: SLURM does not answer, or the manifest of a job in the queue is not whole.
    """
    return tasks_of(root, slurm.queue())


def tasks_of(root: Path, entries: Iterable[Entry]) -> list[QueuedTask]:
    """Those of SLURM's queue that are of this root, by their comments."""
    found = []
    cells: dict[Path, dict[int, list[str]]] = {}
    for entry in entries:
        ours = read_comment(entry.comment)
        if ours is None:
            continue
        manifest = root / "submissions" / ours[0] / f"{ours[1]}.jsonl"
        if manifest not in cells:
            cells[manifest] = read_keys(manifest) if manifest.exists() else {}
            if cells[manifest]:
                write_job_down(manifest, entry.array)
        keys = cells[manifest].get(entry.index, [])
        if keys:
            found.append(QueuedTask(entry, manifest, tuple(keys)))
    return found


def by_cell(tasks: Sequence[QueuedTask]) -> dict[str, QueuedTask]:
    """The task of each cell, by key; of several one that runs."""
    found: dict[str, QueuedTask] = {}
    for task in tasks:
        for key in task.keys:
            if key not in found or task.entry.state == "RUNNING":
                found[key] = task
    return found


def settled_tasks(root: Path) -> list[QueuedTask]:
    """What this root has in the queue, once none of it is ending: that ends for good, or goes back into the queue."""
    end = time.monotonic() + _PATIENCE
    told = False
    while True:
        tasks = tasks_in_queue(root)
        ending = sum(task.entry.state == "COMPLETING" for task in tasks)
        if not ending or time.monotonic() > end:
            return tasks
        if not told:
            print(f"waiting for {ending} of this root's jobs, which are ending", file=sys.stderr, flush=True)
            told = True
        time.sleep(1)


@dataclass(frozen=True)
class Submitted:
    """A task that a cell was part of: its array's name and, if it is known, job id; its index, and its log."""

    array: str
    job: str | None
    index: int
    log: Path | None

    @property
    def id(self) -> str:
        return f"{self.job}_{self.index}"


def submitted(root: Path, keys: Collection[str]) -> dict[str, Submitted]:
    """The newest task that each of these cells was submitted in, by key, whether or not it is still in the queue."""
    found: dict[str, Submitted] = {}
    wanted = set(keys)
    for manifest in sorted((root / "submissions").glob("*/*.jsonl"), reverse=True):
        if not wanted - found.keys():
            break
        try:
            cells = read_keys(manifest)
        except BadInput:
            continue
        job_file = job_file_of(manifest)
        job = job_file.read_text().strip() if job_file.exists() else None
        for index, inside in cells.items():
            for key in wanted.intersection(inside) - found.keys():
                log = log_path(manifest.parent, job, index) if job else None
                found[key] = Submitted(manifest.stem, job, index, log)
    return found


def job_file_of(manifest: Path) -> Path:
    """Where the job id of an array is written down."""
    return manifest.with_name(f"{manifest.stem}.job")


def write_job_down(manifest: Path, job: str) -> None:
    """Write down which job an array has become."""
    path = job_file_of(manifest)
    if not path.exists() or path.read_text().strip() != job:
        write_durably(path, f"{job}\n".encode())


def logs_of(root: Path) -> dict[str, Path]:
    """The log of every job of this root that wrote one, by its id as attempts have it: ``123_4``."""
    end = log_path(Path(), "", 0).name.removeprefix("_0")
    return {path.name.removesuffix(end): path for path in sorted((root / "submissions").glob(f"*/logs/*{end}"))}
