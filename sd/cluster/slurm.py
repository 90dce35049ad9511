"""SLURM's commands: what it allows, what it has in its queue, what it remembers; submitting, cancelling, requeueing."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sd import BadInput

# Seconds that a command of SLURM may take; sbatch itself tries for two minutes where the queue is full.
_PATIENCE = 300


class Refused(Exception):
    """sbatch did not take a script; the text is what it said."""


@dataclass(frozen=True)
class Entry:
    """One task in SLURM's queue, as squeue shows it.

    Attributes:
        array, index: its array's job id and its index there; -1 for a job that is no array's.
        state: ``PENDING``, ``RUNNING`` … as SLURM names it.
        reason: why it is pending, in SLURM's word.
        comment: as it was submitted with.
    """

    array: str
    index: int
    state: str
    reason: str
    comment: str

    @property
    def id(self) -> str:
        return f"{self.array}_{self.index}" if self.index >= 0 else self.array


def available() -> bool:
    """Whether SLURM's commands are here."""
    return shutil.which("sbatch") is not None and shutil.which("squeue") is not None


def largest_array() -> int:
    """How many elements an array may have (MaxArraySize − 1: a limit to the index, kept one below), asked of scontrol.

    Where ``SchedulerParameters`` sets ``max_array_tasks``, that is the limit if it is smaller.
    """
    return _largest_array(_run(["scontrol", "show", "config"]))


def _largest_array(config: str) -> int:
    size = re.search(r"^MaxArraySize\s*=\s*(\d+)", config, flags=re.MULTILINE)
    tasks = re.search(r"max_array_tasks=(\d+)", config)
    limits = [int(size[1]) - 1] if size else [1000]
    return max(1, min([*limits, *([int(tasks[1])] if tasks else [])]))


def gpus_in(partition: str | None) -> int | None:
    """How many GPUs a partition has, or the default one, by sinfo; ``None`` where that cannot be said."""
    asked = ["--partition", partition] if partition else []
    try:
        text = _run(["sinfo", "--noheader", *asked, "--format", "%P|%G|%D"])
    except BadInput:
        return None
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 2]
    rows = [row for row in rows if partition or row[0].endswith("*")]
    total = 0
    for _, gres, nodes in rows:
        total += int(nodes) * sum(int(n) for n in re.findall(r"\bgpu:(?:[^:,()]+:)?(\d+)", gres))
    return total or None


def queue() -> list[Entry]:
    """Every task that this user has in the queue, pending, running or ending; one call of squeue."""
    text = _run(["squeue", "--noheader", "--array", "--user", str(os.getuid()), "--format", "%i|%T|%r|%k"])
    entries = []
    for line in text.splitlines():
        if line.count("|") < 3:
            continue  # the rest of somebody's comment of several lines
        id_, state, reason, comment = line.split("|", 3)
        array, _, index = id_.partition("_")
        entries.append(Entry(array, int(index) if index.isdigit() else -1, state, reason, comment))
    return entries


def history(arrays: Iterable[str]) -> dict[str, tuple[str, str]] | None:
    """The last state of each task of these arrays, and its job's name, by its id (``123_4``), as sacct remembers it.

    A supplement: it lags, and knows nothing of tasks that were cancelled before they began. ``None`` where this cluster
    keeps no accounts.
    """
    ids = sorted(set(arrays))
    if not ids or shutil.which("sacct") is None:
        return {} if not ids else None
    command = ["sacct", "--noheader", "--allocations", "--parsable2", "--format", "JobID,State,JobName"]
    try:
        text = _run([*command, "--jobs", ",".join(ids)])
    except BadInput:
        return None
    return _history(text)


def _history(text: str) -> dict[str, tuple[str, str]]:
    """What sacct printed; tasks that never began stand there together, as ``123_[0-3,7]``."""
    found = {}
    for line in text.splitlines():
        if line.count("|") < 2:
            continue
        id_, state, name = line.split("|", 2)
        array, _, indices = id_.partition("_")
        for index in _indices(indices):
            if state:
                found[f"{array}_{index}"] = (state.split()[0], name)
    return found


def _indices(text: str) -> list[int]:
    """``[0-3,7%2]`` or ``4``, as numbers."""
    found: list[int] = []
    for span in text.strip("[]").partition("%")[0].split(","):
        first, _, last = span.partition("-")
        if first.isdigit():
            found += range(int(first), int(last if last.isdigit() else first) + 1)
    return found


def submit(script: Path, *, dependency: str | None = None, keep_open: Sequence[int] = ()) -> str:
    """Hand a batch script to sbatch; returns the job id.

    Args:
        dependency: as sbatch spells it (``After.spelled``).
        keep_open: file descriptors that sbatch inherits. A lock among them stays held until sbatch itself has ended,
            even if this process is killed meanwhile.

    Raises:
        Refused: sbatch did not take it.
    """
    try:
        done = subprocess.run(
            ["sbatch", *([f"--dependency={dependency}"] if dependency else []), str(script)],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            pass_fds=tuple(keep_open),
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"sbatch: {error}") from None
    if done.returncode:
        raise Refused(" ".join(done.stderr.split()) or f"sbatch ended with exit code {done.returncode}")
    id_ = re.search(r"^(?:Submitted batch job )?(\d+)", done.stdout, flags=re.MULTILINE)
    if id_ is None:
        raise Refused(f"sbatch said {done.stdout.strip()!r}, which names no job; the next launch finds out")
    return id_[1]


def cancel(ids: Sequence[str]) -> None:
    """Cancel jobs or tasks, by id."""
    for at in range(0, len(ids), 500):
        _run(["scancel", *ids[at : at + 500]])


def requeue(job: str) -> None:
    """Put a running task (``123_4``) back into the queue, under its id. Raises ``BadInput`` where SLURM does not."""
    _run(["scontrol", "requeue", job])


def name_cells(job: str, comment: str, keys: Sequence[str]) -> None:
    """Add the keys of its cells to a running task's comment, which until then is its array's, if SLURM lets us."""
    some = ",".join(keys[:8]) + (f",+{len(keys) - 8}" if len(keys) > 8 else "")
    with contextlib.suppress(BadInput):
        _run(["scontrol", "update", f"JobId={job}", f"Comment={comment} key={some}"])


def is_running(job: str) -> bool:
    """Whether a task (``123_4``) still runs; one that has been told to end is completing instead."""
    try:
        return "JobState=RUNNING" in _run(["scontrol", "--oneliner", "show", "job", job])
    except BadInput:
        return False


def _run(command: Sequence[str]) -> str:
    """The output of one of SLURM's commands."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise BadInput(f"{command[0]}: no such command; this machine has no SLURM (--local runs grids here)") from None
    except subprocess.TimeoutExpired:
        raise BadInput(f"{command[0]}: no answer for {_PATIENCE} s; is slurmctld up?") from None
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if line.strip()), f"exit code {done.returncode}")
        raise BadInput(f"{command[0]}: {said.strip()}")
    return done.stdout
