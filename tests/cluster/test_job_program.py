"""The program in a SLURM job, run by hand with SLURM's variables: signals at every stage, and a missing teacher."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sd.cluster.manifest import Header, Work, write_manifest
from sd.plan.grid import read_grid
from sd.plan.schedule import Step, plan

GRID = """\
name: g
defaults: {dataset: digits, arch: resnet8, recipe: digits, aug: none, seeds: 0, rounds: 1, alpha: 0.5}
cells: [{epochs: 8}]
"""


class Job:
    """One task, of one or both cells of a chain, as SLURM would run it."""

    def __init__(self, folder: Path, steps: list[Step]) -> None:
        self.folder = folder
        self.manifest = folder / "01-T.jsonl"
        runs = str(folder / "runs")
        header = Header("g", "sd grid=g run=r array=01-T", runs, None, str(folder / "results.db"), "", "cpu", 1, 0.0)
        write_manifest(self.manifest, header, [(3, [Work(step, None, None) for step in steps])])

    def start(self, *, restarts: int = 0) -> "subprocess.Popen[str]":
        ids = {"SLURM_ARRAY_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "3", "SLURM_JOB_ID": "1", "SLURM_CPUS_PER_TASK": "1"}
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "sd.cluster.job", str(self.manifest)],
            env={**os.environ, **ids, "SLURM_RESTART_COUNT": str(restarts)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def signalled(self, after: str, *, times: int = 1, restarts: int = 0) -> tuple[int, str]:
        """Run it, and send SIGUSR2 when it has printed a line that holds ``after``; exit code and output."""
        process = self.start(restarts=restarts)
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if after in line:
                for _ in range(times):
                    process.send_signal(signal.SIGUSR2)
                break
        said += process.stdout.read()
        return process.wait(timeout=120), said

    def attempts(self) -> list[dict[str, Any]]:
        paths = sorted(self.folder.glob("runs/cells/*/attempts/*.json"))
        return [json.loads(path.read_text())["tables"]["attempts"][0] for path in paths]


@pytest.fixture
def chain(tmp_path: Path) -> list[Step]:
    (tmp_path / "g.yaml").write_text(GRID)
    return list(plan([read_grid(tmp_path / "g.yaml")]).steps.values())


def test_a_signal_saves_the_state_and_the_next_run_goes_on(tmp_path: Path, chain: list[Step]) -> None:
    job = Job(tmp_path, chain[:1])
    code, said = job.signalled("epoch 1/8", times=2)
    assert code == 1 and "the state is saved; the job was told to end" in said and "Traceback" not in said
    assert [row["status"] for row in job.attempts()] == ["stopped"] and job.attempts()[0]["job_id"] == "1_3"
    code, said = job.signalled("never")
    assert code == 0 and "done: " in said
    record = json.loads(next(tmp_path.glob("runs/cells/*/train.json")).read_text())
    assert len(record["tables"]["epochs"]) == 8


def test_a_signal_after_the_work_is_done_changes_nothing(tmp_path: Path, chain: list[Step]) -> None:
    code, said = Job(tmp_path, chain[:1]).signalled("done: ", times=3)
    assert code == 0 and "Traceback" not in said


def test_a_job_that_comes_no_further_is_not_queued_again(tmp_path: Path, chain: list[Step]) -> None:
    code, said = Job(tmp_path, chain[:1]).signalled("begun: ", restarts=3)
    assert code == 1 and "not queued again, for it came no further" in said


def test_a_student_whose_teacher_is_not_there_ends_with_a_clear_reason(tmp_path: Path, chain: list[Step]) -> None:
    """SLURM takes the dependency on a job that it has forgotten for satisfied."""
    job = Job(tmp_path, chain[1:])
    code, said = job.signalled("never")
    assert (
        code == 1 and "MissingTeacher: the teacher (resnet8 digits none T seed=0 digits (epochs 8)) has no rec" in said
    )
    assert [row["status"] for row in job.attempts()] == ["failed"] and "Traceback" in job.attempts()[0]["traceback"]
