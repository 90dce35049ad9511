"""Where a cell stands: done, running, waiting, failed or missing; by its records and, where there is one, a queue."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sd.plan.cell import Cell
from sd.store.attempt import HEARTBEAT, moment, newest_attempt
from sd.store.record import cell_folder

State = Literal["done", "running", "waiting", "failed", "missing"]

# An attempt without a sign of life for this long is told of.
_SILENCE = 4 * HEARTBEAT

KILLED = "was killed, without a word"
"""How the note ends on an attempt that neither ended nor runs."""


@dataclass(frozen=True)
class Standing:
    """Where a cell stands.

    Attributes:
        note: what it waits for, why it failed, or what is odd about it; one line.
        job: the task in the cluster's queue, as the cluster names it.
        log: the file that its task writes to.
        epoch, top1: the last finished epoch of a running cell, and its test accuracy in percent.
        seconds_left: of a running cell, at the pace of its last epoch, measures not counted.
    """

    state: State
    note: str = ""
    job: str | None = None
    log: Path | None = None
    epoch: int | None = None
    top1: float | None = None
    seconds_left: float | None = None


def by_attempt(cell: Cell, root: Path, *, alive: bool | None) -> Standing | None:
    """Where an unfinished cell stands by its newest attempt; ``None`` if nobody has tried it yet.

    Args:
        alive: whether a queue says that it runs; ``None`` if there is no queue to ask.
    """
    newest = newest_attempt(cell_folder(root, cell.key))
    if newest is None:
        return None
    facts, beat = newest.facts, newest.beat
    if facts is None:
        return Standing("failed", f"the file of its newest attempt cannot be read: {newest.path}")
    status, job = facts["status"], facts["job_id"]
    if status == "failed":
        return Standing("failed", str(facts["error"]), job)
    if status != "running":
        ended = "its last attempt ended before it was done"
        return Standing("missing", ended, job) if status in {"stopped", "lost"} else None
    if job is None:
        alive = None  # an attempt without a job is in no queue
    silent = _silence(beat.get("at") or facts["started_at"], newest.written)
    if alive is False or (alive is None and silent > _SILENCE):
        return Standing("failed", f"attempt {facts['number']} on {facts['host']} {KILLED}", job)
    note = f"no sign of life for {silent / 60:.0f} min from {facts['host']}" if silent > _SILENCE else ""
    if silent < -_SILENCE:
        note = f"the clock of {facts['host']} is {-silent / 60:.0f} min ahead of the one here"
    return replace(_running(beat, cell), note=note, job=job)


def _running(beat: dict[str, Any], cell: Cell) -> Standing:
    epoch = int(beat.get("epoch") or 0)
    pace = beat.get("seconds_per_epoch")
    left = pace * (cell.recipe.trained_epochs - epoch) if pace is not None else None
    return Standing("running", epoch=epoch, top1=beat.get("test_top1"), seconds_left=left)


def _silence(at: str, written: float | None) -> float:
    """Seconds since a sign of life; below zero if it is of the future.

    The node's clock and the file system's have both told when it was; whichever is nearer to the clock here is taken,
    so that a node whose clock is off does not pass for dead.
    """
    now = datetime.now(UTC)
    ages = [(now - moment(at)).total_seconds()]
    if written is not None:
        ages.append(now.timestamp() - written)
    return min(ages, key=abs)
