"""Time limits, preemption, kill -9, lost daemons, two runs of one cell at once: the same results, bit for bit."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cluster import SlurmStudy, cluster_up, daemon, parent_of, sh
from study import Study, wait_for

pytestmark = pytest.mark.slow

TEACHER = "T seed=0 digits (epochs 40)"


def is_same(study: SlurmStudy, undisturbed: Study) -> None:
    study.wait()
    assert study.states() == {"done": 3}, study.logs()
    assert study.facts() == undisturbed.facts()
    check = study.run("db", "check")
    assert check.returncode == 0, check.stdout


def task(study: SlurmStudy, attempt: dict[str, object]) -> dict[str, str]:
    return next(row for row in study.jobs() if row["id"] == attempt["job_id"])


def test_a_signal_as_before_a_time_limit(study: SlurmStudy, undisturbed: Study) -> None:
    """The state is saved and the job goes back into the queue under the same id, so its students go on waiting."""
    study.submit()
    first = study.until_training(TEACHER)
    sh("scancel", "--signal=USR2", str(first["job_id"]))
    wait_for(lambda: (study.attempt(TEACHER) or {}).get("number") == 2)
    second = study.attempt(TEACHER)
    assert second and (second["job_id"], second["restart_count"]) == (first["job_id"], 1)
    is_same(study, undisturbed)
    assert [attempt["status"] for attempt in study.attempts(TEACHER)] == ["stopped", "done"]


PAIR = """\
name: NAME
cells: [{dataset: digits, arch: resnet8, recipe: digits, aug: crop, epochs: 30, seeds: [0, 1]}]
resources: {default: {gpus: 0, cpus: 1, memory_gb: 2, hours: 1}}
"""


def test_only_the_task_with_the_signal_goes_back(tmp_path: Path) -> None:
    """The last task of an array has the array's own id, by which all of them could be meant."""
    study = SlurmStudy(tmp_path, PAIR)
    study.submit()
    first, last = study.until_training("seed=0"), study.until_training("seed=1", epoch=1)
    keys = {row["id"]: row["comment"].rpartition("key=")[2] for row in study.jobs()}
    assert keys == {first["job_id"]: first["cell_key"], last["job_id"]: last["cell_key"]}
    sh("scancel", "--signal=USR2", str(last["job_id"]))
    study.wait()
    assert [attempt["status"] for attempt in study.attempts("seed=1")] == ["stopped", "done"]
    assert [attempt["status"] for attempt in study.attempts("seed=0")] == ["done"]


def test_preemption_by_a_higher_partition(study: SlurmStudy, undisturbed: Study) -> None:
    study.submit("--partition", "low")
    first = study.until_training(TEACHER)
    sh("sbatch", "--partition=gpu", "--exclusive", "--time=5", "--output=/dev/null", "--wrap=sleep 3")
    wait_for(lambda: (study.attempt(TEACHER) or {}).get("number") == 2)
    assert study.attempts(TEACHER)[0]["status"] == "stopped"
    assert study.attempts(TEACHER)[1]["job_id"] == first["job_id"]
    is_same(study, undisturbed)


def test_a_real_time_limit(study: SlurmStudy, undisturbed: Study) -> None:
    """SLURM itself sends the signal, as many seconds before the limit as the job asked for."""
    study.submit("--hours", "1")
    attempt = study.until_training(TEACHER, epoch=1)
    os.kill(attempt["pid"], signal.SIGSTOP)  # it would be done before SLURM looks at its limits
    limit = 2 + (int(time.time()) - start_of(attempt["job_id"])) // 60  # minutes; the signal comes two before the limit
    sh("scontrol", "update", f"JobId={attempt['job_id']}", f"TimeLimit={limit}")
    wait_for(lambda: "a signal has come" in study.logs(), every=0.2)
    os.kill(attempt["pid"], signal.SIGCONT)
    is_same(study, undisturbed)
    assert [attempt["status"] for attempt in study.attempts(TEACHER)] == ["stopped", "done"]


def start_of(job: str) -> int:
    said = sh("squeue", "--noheader", "--jobs", job, "--format", "%S").strip()
    return int(time.mktime(time.strptime(said, "%Y-%m-%dT%H:%M:%S")))


def test_a_killed_training_process(study: SlurmStudy, undisturbed: Study) -> None:
    """The job starts another, which goes on from the last saved state."""
    study.submit()
    os.kill(study.until_training(TEACHER)["pid"], signal.SIGKILL)
    is_same(study, undisturbed)
    assert [attempt["status"] for attempt in study.attempts(TEACHER)] == ["lost", "done"]


def test_a_killed_job(study: SlurmStudy, undisturbed: Study) -> None:
    """kill -9 of the job's own process: SLURM calls the job failed, its students end, the next launch goes on."""
    study.submit()
    worker = study.until_training(TEACHER)["pid"]
    os.kill(parent_of(worker), signal.SIGKILL)
    study.wait()
    assert study.states() == {"failed": 1, "missing": 1, "done": 1}
    assert "was killed, without a word" in study.cell(TEACHER)["note"]
    assert "2 to submit" in study.submit("--retry", "failed")
    is_same(study, undisturbed)


def test_slurmctld_is_restarted(study: SlurmStudy, undisturbed: Study) -> None:
    study.submit()
    study.until_training(TEACHER)
    os.kill(daemon("slurmctld"), signal.SIGTERM)
    wait_for(lambda: subprocess.run(["scontrol", "ping"], capture_output=True).returncode, seconds=30, every=0.2)
    time.sleep(5)
    cluster_up()
    is_same(study, undisturbed)


def overlap(study: SlurmStudy, worker: int) -> None:
    """Let a held first run go on as soon as a second one of the same cell has begun."""
    wait_for(lambda: (study.attempt(TEACHER) or {}).get("number") == 2)
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, signal.SIGCONT)


def test_a_dead_slurmstepd_and_two_runs_of_one_cell_at_once(study: SlurmStudy, undisturbed: Study) -> None:
    """SLURM loses sight of the job and starts it again; the first run goes on while the second trains."""
    study.submit()
    first = study.until_training(TEACHER)
    os.kill(first["pid"], signal.SIGSTOP)
    sh("pkill", "-KILL", "-f", rf"slurmstepd: \[{task(study, first)['job']}\.")
    sh("scontrol", "reconfigure")  # so that the daemons compare notes now, and not after half an hour
    overlap(study, first["pid"])
    is_same(study, undisturbed)
    assert [attempt["status"] for attempt in study.attempts(TEACHER)] == ["lost", "done"]


def test_slurmd_is_gone_for_a_minute(study: SlurmStudy, undisturbed: Study) -> None:
    """The node is declared lost and its job queued again, while the orphaned first run trains on.

    When slurmd is back, SLURM may take the end of the first run for that of the second, and end the students: then the
    next launch goes on.
    """
    study.submit()
    study.until_training(TEACHER)
    os.kill(daemon("slurmd"), signal.SIGKILL)
    time.sleep(60)
    cluster_up()
    study.wait()
    if study.states() != {"done": 3}:
        study.submit()
    is_same(study, undisturbed)
