"""Where every cell of a plan stands, with one question to SLURM's queue and at most one to its accounts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sd.cluster import slurm
from sd.cluster.submission import Queued, Submitted, in_queue, submitted
from sd.plan.cell import Cell
from sd.plan.schedule import Plan
from sd.store.progress import Done
from sd.store.standing import Standing, by_attempt

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


def overview(plan: Plan, root: Path, done: Done) -> Overview:
    """Where the cells of a plan stand: by the records, then SLURM's queue, then the attempts, then its accounts."""
    notes: list[str] = []
    there = slurm.available()
    queued = in_queue(root, slurm.queue()) if there else {}
    if not there and (root / "submissions").exists():
        notes.append("there is no SLURM here: what waits in its queue is not known")
    standings: dict[str, Standing] = {}
    unknown: list[str] = []
    for key, step in plan.steps.items():
        if key in done.facts:
            standings[key] = Standing("done")
        elif key in queued:
            standings[key] = _in_queue(step.cell, root, queued[key])
        else:
            tried = by_attempt(step.cell, root, alive=False if there else None)
            standings[key] = tried or Standing("missing")
            if standings[key].state != "running":
                unknown.append(key)
    before = submitted(root, unknown)
    ended = _history(before, [key for key in unknown if _wants_account(standings[key])], notes) if there else {}
    for key in unknown:
        standings[key] = _ended(standings[key], before.get(key), ended)
    return Overview({key: _after_teacher(plan.steps[key].cell, standings) for key in plan.steps}, notes)


def _in_queue(cell: Cell, root: Path, queued: Queued) -> Standing:
    entry = queued.entry
    if entry.state == "PENDING":
        waits = _REASONS.get(entry.reason, entry.reason)
        if entry.reason == "Dependency" and cell.teacher:
            waits = f"its teacher {cell.teacher.column}"
        return Standing("waiting", f"waits for {waits}", entry.id, queued.log)
    running = by_attempt(cell, root, alive=True)
    if running is None or running.state != "running":
        running = Standing("running", "begins" if entry.state in {"RUNNING", "CONFIGURING"} else entry.state.lower())
    return replace(running, job=entry.id, log=queued.log)


def _wants_account(standing: Standing) -> bool:
    """Whether the records alone do not say why a cell is not done."""
    return standing.state == "missing" or "killed" in standing.note


def _history(before: Mapping[str, Submitted], keys: Collection[str], notes: list[str]) -> dict[str, str]:
    jobs = {before[key].job for key in keys if key in before} - {None}
    if not jobs:
        return {}
    ended = slurm.history(job for job in jobs if job)
    if ended is None:
        notes.append("SLURM keeps no accounts here (sacct): how killed jobs ended is not known beyond their records")
    return ended or {}


def _ended(standing: Standing, task: Submitted | None, ended: Mapping[str, str]) -> Standing:
    """A cell that is neither done nor in the queue, with what is known of the task that it was submitted in."""
    if task is None:
        return standing
    log = task.log if task.log and task.log.exists() else None
    if task.job is None:
        note = standing.note or "its batch script was written, or its submission was cut off; it is not in the queue"
        return replace(standing, note=note)
    said = ended.get(task.id)
    if standing.state == "failed":
        return replace(standing, job=task.id, log=log, note=f"{standing.note} ({said})" if said else standing.note)
    if said in {"FAILED", "OUT_OF_MEMORY", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "DEADLINE"}:
        return replace(standing, state="failed", job=task.id, log=log, note=f"its job ended as {said}")
    note = f"was submitted as {task.id}, which is no longer in the queue" + (f" ({said})" if said else "")
    return replace(standing, job=task.id, log=log, note=note)


def _after_teacher(cell: Cell, standings: Mapping[str, Standing]) -> Standing:
    """A missing cell whose ancestor failed is missing for that reason."""
    standing = standings[cell.key]
    if standing.state == "missing":
        for ancestor in reversed(cell.lineage[:-1]):
            if ancestor.key in standings and standings[ancestor.key].state == "failed":
                return replace(standing, note=f"not run: {ancestor.column} failed")
    return standing
