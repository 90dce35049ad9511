"""The batch scripts that SLURM is given, the shell script that chains them, and the comment by which a job is ours.

submitit writes the batch script and checks its parameters. What runs in the job is our own program
(``sd.cluster.job``) instead of submitit's pickles: one manifest an array takes the place of a pickle a cell, no job
waits for a file that is moved after sbatch, time-outs are not counted, and an array of one element stays an array.
"""

import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sd.plan.arrays import Array
from sd.plan.resources import SIGNAL_LEAD, Profile


@dataclass(frozen=True)
class Wiring:
    """What the batch scripts of one submission have in common.

    Attributes:
        grid: the plan's name, for the jobs' names and comments.
        submission: the submission's id, for the comments.
        folder: the submission's folder; manifests are in it, logs go to ``logs/``.
        code: the folder of the code that the jobs run.
        own: folders of users' own modules that its cells name.
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
    own: tuple[Path, ...] = ()

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
    """The text of an array's batch script; what it waits for is given to sbatch beside it (``slurm.submit``)."""
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
    places = shlex.quote(":".join(map(str, (wiring.code, *wiring.own))))
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
            # The snapshot first, so that no other copy of sd is run; users' own modules may lie on what was set before.
            f"export PYTHONPATH={places}${{PYTHONPATH:+:$PYTHONPATH}} PYTHONSAFEPATH=1",
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
umask o-w
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
