"""Where every cell of a plan stands, with one question to SLURM's queue and at most one to its accounts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sd import BadInput
from sd.cluster import slurm
from sd.cluster.ledger import QueuedTask, Submitted, by_cell, submitted, tasks_in_queue
from sd.plan.cell import Cell
from sd.plan.schedule import Plan
from sd.store.progress import Done
from sd.store.standing import KILLED, Standing, by_attempt

# What SLURM's reasons mean, for those that a user meets.
_REASONS = {
    "Dependency": "its teacher",
    "Priority": "its turn (others have a higher priority)",
    "Resources": "free resources",
    "BeginTime": "its turn (it was queued again)",
    "JobArrayTaskLimit": "its turn (--max-parallel)",
    "QOSMaxJobsPerUserLimit": "its turn (a limit of the quality of service)",
    "AssocGrpGRES": "its turn (a limit of the account)",
    "JobHeldUser": "release: it is held (scontrol release)",
    "JobHeldAdmin": "an administrator, who holds it",
    "PartitionTimeLimit": "nothing that will come: its time limit is above the partition's",
    "DependencyNeverSatisfied": "nothing that will come: its teacher failed",
}


@dataclass(frozen=True)
class Overview:
    """Where all cells of a plan stand, by key, and what could not be asked."""

    standings: dict[str, Standing]
    notes: list[str]


def look_at_queue(root: Path) -> tuple[list[QueuedTask] | None, list[str]]:
    """What this root has in SLURM's queue; ``None`` where there is none that answers, and a note that says so."""
    if not slurm.available():
        there = (root / "submissions").exists()
        return None, ["there is no SLURM here: what waits in its queue is not known"] if there else []
    try:
        return tasks_in_queue(root), []
    except BadInput as error:
        return None, [f"{error}; what waits in the queue is not known"]


def overview(plan: Plan, root: Path, tasks: Sequence[QueuedTask] | None, done: Done) -> Overview:
    """Where the cells of a plan stand: by the records, then SLURM's queue, then the attempts, then its accounts.

    Args:
        tasks: what is in the queue (:func:`look_at_queue`), asked for before ``done`` was: what leaves the queue
            meanwhile is then done, not gone.
    """
    queued = by_cell(tasks or [])
    standings: dict[str, Standing] = {}
    unknown: list[str] = []
    for key, step in plan.steps.items():
        if key in done.facts:
            standings[key] = Standing("done")
        elif key in queued:
            standings[key] = _in_queue(step.cell, root, queued[key])
        else:
            tried = by_attempt(step.cell, root, alive=None if tasks is None else False)
            standings[key] = tried or Standing("missing")
            if standings[key].state != "running":
                unknown.append(key)
    before = submitted(root, unknown)
    unclear = [key for key in unknown if standings[key].state == "missing" or standings[key].note.endswith(KILLED)]
    ended = None if tasks is None else _history(before[key] for key in unclear if key in before)
    notes = []
    if ended is None and tasks is not None:
        notes.append("SLURM keeps no accounts here (sacct): how jobs ended is not known beyond their records")
    for key in unknown:
        standings[key] = _ended(standings[key], before.get(key), ended)
    for key, step in plan.steps.items():
        standings[key] = _after_teacher(step.cell, standings, traceless=tasks is not None and ended is None)
    return Overview(standings, notes)


def _in_queue(cell: Cell, root: Path, task: QueuedTask) -> Standing:
    entry = task.entry
    if entry.state == "PENDING":
        waits = _REASONS.get(entry.reason, entry.reason)
        if entry.reason == "Dependency" and cell.parents:
            waits = f"its teacher {cell.teacher.column}" if cell.teacher else "its members"
        return Standing("waiting", f"waits for {waits}", entry.id, task.log)
    tried = by_attempt(cell, root, alive=True)
    if tried and tried.state == "failed" and tried.job == entry.id:
        return replace(tried, log=task.log)  # the others of its pack still run
    if tried is None or tried.state != "running":
        tried = Standing("running", "begins" if entry.state in {"RUNNING", "CONFIGURING"} else entry.state.lower())
    return replace(tried, job=entry.id, log=task.log)


def _history(tasks: Iterable[Submitted]) -> dict[str, str] | None:
    """How these tasks ended, by their ids, where SLURM remembers it; ``None`` where it keeps no accounts."""
    arrays = {task.id: task.array for task in tasks if task.job}
    ended = slurm.history(id_.partition("_")[0] for id_ in arrays)
    if ended is None:
        return None
    return {id_: state for id_, (state, name) in ended.items() if name.endswith(f":{arrays.get(id_)}")}


def _ended(standing: Standing, task: Submitted | None, ended: Mapping[str, str] | None) -> Standing:
    """A cell that is neither done nor in the queue, with what is known of the task that it was submitted in."""
    if task is None:
        return standing
    if task.job is None:
        note = standing.note or "its batch script was written, or its submission was cut off; it is not in the queue"
        return replace(standing, note=note)
    log = task.log if task.log and task.log.exists() else None
    if standing.job not in {None, task.id}:
        log = None  # its last attempt was in another job than the newest
    said = (ended or {}).get(task.id)
    if standing.state == "failed":
        note = f"{standing.note} ({said})" if said else standing.note
        return replace(standing, job=standing.job or task.id, log=log, note=note)
    if said in {"FAILED", "OUT_OF_MEMORY", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "DEADLINE"}:
        return replace(standing, state="failed", job=task.id, log=log, note=f"its job ended as {said}")
    note = f"was submitted as {task.id}, which is no longer in the queue" + (f" ({said})" if said else "")
    return replace(standing, job=task.id, log=log, note=note)


def _after_teacher(cell: Cell, standings: Mapping[str, Standing], *, traceless: bool) -> Standing:
    """A missing cell whose ancestor failed is missing for that reason.

    Args:
        traceless: jobs that end before their attempt begins leave no trace: without accounts, a cell whose job is gone
            though nothing kept it from beginning counts as failed.
    """
    standing = standings[cell.key]
    if standing.state == "missing" or standing.note.startswith(("MissingTeacher", "MissingMember")):
        for ancestor in reversed(cell.lineage[:-1]):
            if ancestor.key in standings and standings[ancestor.key].state == "failed":
                return Standing("missing", f"not run: {ancestor.column} failed")
    ready = all(standings[parent.key].state == "done" for parent in cell.parents if parent.key in standings)
    if traceless and standing.state == "missing" and standing.job and ready:
        return replace(standing, state="failed", note=f"job {standing.job} ended without a trace")
    return standing
