"""SLURM's commands: what it allows, what it has in its queue, what it remembers; and the batch scripts it is given.

submitit writes the batch script, checks its parameters and reads the job id. What runs in the job is our own program
(``sd.cluster.job``) instead of submitit's pickles: one manifest an array takes the place of a pickle a cell, no job
waits for a file that is moved after sbatch, time-outs are not counted, and an array of one element stays an array.
"""

import contextlib
import math
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sd import BadInput
from sd.plan.arrays import Array
from sd.plan.resources import SIGNAL_LEAD, Profile

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


@dataclass(frozen=True)
class Wiring:
    """What the batch scripts of one submission have in common.

    Attributes:
        grid: the plan's name, for the jobs' names and comments.
        submission: the submission's id, for the comments.
        folder: the submission's folder; manifests are in it, logs go to ``logs/``.
        code: the folder of the code that the jobs run.
        python: the interpreter.
        max_parallel: how many tasks of one array may run at a time, or no limit.
    """

    grid: str
    submission: str
    folder: Path
    code: Path
    python: str
    profile: Profile
    max_parallel: int | None

    def comment(self, array: Array) -> str:
        """What marks an array as ours; each of its tasks adds the keys of its cells when it runs."""
        return f"sd grid={self.grid} run={self.submission} array={array.name}"

    def manifest(self, array: Array) -> Path:
        return self.folder / f"{array.name}.jsonl"


_COMMENT = re.compile(r"^sd grid=\S+ run=(\S+) array=(\S+)")


def read_comment(comment: str) -> tuple[str, str] | None:
    """The submission and the array that a job's comment names; ``None`` if the job is not ours."""
    found = _COMMENT.match(comment)
    return (found[1], found[2]) if found else None


def log_path(folder: Path, array: str, index: int) -> Path:
    """Where a task's output goes."""
    return folder / "logs" / f"{array}_{index}_0_log.out"


def batch_script(array: Array, wiring: Wiring) -> str:
    """The text of an array's batch script; what it waits for is given to sbatch beside it (:func:`submit`)."""
    asked = array.resources
    every = f"%{wiring.max_parallel}" if wiring.max_parallel else ""
    further: dict[str, Any] = {
        "array": f"{array.indices}{every}",
        "chdir": str(wiring.folder),
        "kill-on-invalid-dep": "yes",
        "requeue": True,
        **asked.sbatch,
    }
    executor = _executor(wiring.folder / "logs")
    cpus = asked.cpus or 1
    executor.update_parameters(
        job_name=f"{wiring.grid}:{array.name}",
        partition=asked.partition,
        account=asked.account,
        qos=asked.qos,
        constraint=asked.constraint,
        time=round(asked.hours * 60) if asked.hours else None,
        mem=f"{math.ceil(asked.memory_gb * 1024)}M" if asked.memory_gb else None,
        cpus_per_task=cpus,
        gpus_per_node=asked.gpus or None,
        comment=wiring.comment(array),
        signal_delay_s=SIGNAL_LEAD,
        stderr_to_stdout=True,
        wckey=None,
        # From SLURM 22.05 on srun does not take the number of CPUs over from the batch script.
        srun_args=[f"--cpus-per-task={cpus}"],
        setup=[
            *wiring.profile.setup,
            *(f"export {name}={shlex.quote(value)}" for name, value in wiring.profile.environment),
            f"export PYTHONPATH={shlex.quote(str(wiring.code))} PYTHONSAFEPATH=1",
        ],
        additional_parameters=further,
    )
    executor.parameters["map_count"] = len(array.tasks)
    program = [wiring.python, "-u", "-m", "sd.cluster.job", str(wiring.manifest(array))]
    text: str = executor._make_submission_file_text(shlex.join(program), "")
    return text


_CHAIN = """\
#!/bin/bash
# Submits this folder's arrays in order. Can be run again: what was submitted is not submitted again.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"
exec 9>>{lock}
flock 9  # launchers take turns

queued() {{  # queued NAME: the job id of an array of this submission that is in the queue
  squeue --noheader --me --format '%F %k' | awk -v marks=" run={submission} array=$1 " \\
    'index($0 " ", marks) {{ print $1; exit }}'
}}

once() {{  # once NAME [sbatch options]: an array's job id, submitted now or before
  if [ ! -s "$1.job" ]; then
    if [ ! -e {folder}/"$1.jsonl" ]; then
      echo "$1: a later launch has taken over its cells" >&2
      exit 1
    fi
    id=$(queued "$1")
    [ -n "$id" ] || id=$(sbatch --parsable "${{@:2}}" "$1.sh")
    echo "${{id%%;*}}" > "$1.job.part"
    mv "$1.job.part" "$1.job"
    cp "$1.job" {folder}/
  fi
  cat "$1.job"
}}
"""


def submit_script(arrays: Sequence[Array], wiring: Wiring) -> str:
    """A shell script that hands the batch scripts beside it to sbatch, each with its dependency, each once."""
    lock = wiring.folder.parents[1] / "launch.lock"
    folder = shlex.quote(str(wiring.folder))
    lines = [_CHAIN.format(lock=shlex.quote(str(lock)), folder=folder, submission=wiring.submission)]
    shell = {array.name: f"A{array.name.partition('-')[0]}" for array in arrays}
    for array in arrays:
        after = (
            array.after.spelled({name: f"${{{variable}}}" for name, variable in shell.items()}) if array.after else ""
        )
        dependency = f' "--dependency={after}"' if after else ""
        lines.append(f"{shell[array.name]}=$(once {array.name}{dependency})")
        lines.append(f'echo "{array.name}: job ${shell[array.name]}"')
    return "\n".join([*lines, ""])


@cache
def _executor_class() -> Any:
    """submitit's executor, which takes half a second to import and is needed only where something is submitted."""
    import submitit

    class Executor(submitit.SlurmExecutor):  # type: ignore[misc]  # submitit is not typed
        """submitit's executor, used for its batch scripts; it may write them where SLURM is not installed."""

        @classmethod
        def affinity(cls) -> int:
            return 2

    return Executor


def _executor(folder: Path) -> Any:
    return _executor_class()(folder)


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
