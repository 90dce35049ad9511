"""Launchers that run at once, are killed, refused or called again: each cell has exactly one job, and none is lost."""

import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from cluster import SlurmStudy, cluster_up, parent_of, sh
from study import wait_for

from sd.cluster.manifest import read_keys

pytestmark = pytest.mark.slow

MANY = """\
name: NAME
defaults: {dataset: digits, arch: resnet8, recipe: digits, aug: none, seeds: [0, 1, 2], rounds: 2, alpha: 0.5}
cells:
  - {epochs: 2, sam: true}
resources: {default: {gpus: 0, cpus: 1, memory_gb: 2, hours: 1, sbatch: {hold: true}}}
"""
"""12 cells in 3 arrays that stay in the queue, held, until they are released or cancelled."""


@pytest.fixture
def held(tmp_path: Path) -> SlurmStudy:
    made = SlurmStudy(tmp_path, MANY)
    yield made
    made.cancel_all()


def jobs_of_cells(study: SlurmStudy) -> Counter[str]:
    """How many tasks in SLURM's queue each cell has, by key: what squeue says, against the manifests."""
    found: Counter[str] = Counter()
    for row in study.jobs():
        words = dict(word.split("=") for word in row["comment"].split()[1:])
        manifest = study.folder / "runs/submissions" / words["run"] / f"{words['array']}.jsonl"
        found.update(read_keys(manifest)[int(row["id"].partition("_")[2])])
    return found


def program(folder: Path, name: str, text: str) -> Path:
    """A folder with a program that stands before SLURM's own in PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/bash\n{text}\n")
    (folder / name).chmod(0o755)
    return folder


def test_two_launchers_at_once(held: SlurmStudy) -> None:
    both = [held.begin() for _ in range(2)]
    ends = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert sorted(jobs_of_cells(held).values()) == [1] * 12
    assert sum("0 to submit" in out for out, _ in ends) == 1


def test_a_launcher_killed_before_it_has_heard_the_job_id(held: SlurmStudy) -> None:
    """The real sbatch has taken the second array when its caller is killed."""
    real = sh("which", "sbatch").strip()
    calls = held.folder / "calls"
    script = f'echo >> {calls}; {real} "$@"; [ "$(wc -l < {calls})" != 2 ] || kill -9 $PPID'
    path = program(held.folder / "bin", "sbatch", script)
    process = held.begin(path=path)
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    assert len(jobs_of_cells(held)) == 9 and len(list(held.folder.glob("runs/submissions/*/*.job"))) == 1
    assert held.states() == {"waiting": 9, "missing": 3}
    assert "9 in the queue, 3 to submit" in held.submit()
    assert sorted(jobs_of_cells(held).values()) == [1] * 12
    assert len(list(held.folder.glob("runs/submissions/*/*.job"))) == 3


def test_a_second_launcher_waits_for_the_sbatch_of_a_killed_one(held: SlurmStudy) -> None:
    """The launcher is dead, its sbatch is still on its way: whoever comes next must not look at the queue before."""
    real = sh("which", "sbatch").strip()
    path = program(held.folder / "bin", "sbatch", f'touch {held.folder}/called; sleep 5; exec {real} "$@"')
    process = held.begin(path=path)
    wait_for((held.folder / "called").exists)
    process.kill()
    process.communicate()
    assert "another launcher works in this root" in second(held).stderr
    assert sorted(jobs_of_cells(held).values()) == [1] * 12


def second(study: SlurmStudy) -> "subprocess.CompletedProcess[str]":
    done = study.run("launch", "grid.yaml", "--partition", "gpu")
    assert done.returncode == 0, done.stderr
    return done


def test_a_refused_array_is_said_and_the_next_launch_goes_on(held: SlurmStudy) -> None:
    real = sh("which", "sbatch").strip()
    calls = held.folder / "calls"
    script = f'echo >> {calls}; [ "$(wc -l < {calls})" != 2 ] || set -- --partition=nowhere "$@"; exec {real} "$@"'
    process = held.begin(path=program(held.folder / "bin", "sbatch", script))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "invalid partition" in err.lower() and "1 of 3 arrays submitted; the same command goes on" in err
    assert out.count(": job ") == 1 and "Traceback" not in err
    assert held.states() == {"waiting": 6, "missing": 6}
    second(held)
    assert sorted(jobs_of_cells(held).values()) == [1] * 12


def test_a_changed_grid_submits_what_is_new_behind_what_is_in_the_queue(held: SlurmStudy) -> None:
    second(held)
    grid = held.folder / "grid.yaml"
    grid.write_text(grid.read_text().replace("alpha: 0.5", "alpha: [0.5, 0.8]"))
    printed = held.submit()
    assert "12 in the queue, 6 to submit" in printed
    assert sorted(jobs_of_cells(held).values()) == [1] * 18
    added = printed.splitlines()[-3].split()[2].rstrip(",")
    (depends,) = set(sh("squeue", "--noheader", "--jobs", added, "--format", "%E").split())  # a line, or one a task
    assert depends.startswith("aftercorr:")


def test_cancelling_a_teacher_takes_its_descendants_along(held: SlurmStudy) -> None:
    second(held)
    teacher = held.cell("T seed=1")["key"]
    asked = held.run("cancel", teacher)
    assert asked.returncode == 2 and "give --yes" in asked.stderr and len(held.jobs()) == 12
    done = held.run("cancel", teacher, "--yes")
    assert (
        done.returncode == 0 and "3 jobs (0 running, 3 waiting) with 3 cells, 2 of them as descendants" in done.stdout
    )
    wait_for(lambda: len(held.jobs()) == 9)
    assert held.states() == {"waiting": 9, "missing": 3}
    assert "9 in the queue, 3 to submit" in held.submit()
    assert held.run("cancel", "grid.yaml", "--yes").returncode == 0
    held.wait(120)
    assert "nothing of this is in the queue" in held.run("cancel", "grid.yaml", "--yes").stdout


def test_cancelling_a_running_cell_saves_its_state(study: SlurmStudy, undisturbed: SlurmStudy) -> None:
    study.submit()
    study.until_training("T seed=0 digits (epochs 40)")
    assert study.run("cancel", "grid.yaml", "--yes").returncode == 0
    study.submit()  # at once: the cancelled jobs may still be ending
    assert study.attempts("T seed=0 digits (epochs 40)")[0]["status"] == "stopped"
    study.wait()
    assert study.states() == {"done": 3} and study.facts() == undisturbed.facts()


def test_scripts_can_be_submitted_without_python(study: SlurmStudy, undisturbed: SlurmStudy) -> None:
    """``submit.sh`` chains the arrays; called again it sends nothing twice; what the jobs write is taken in."""
    done = study.run("launch", "grid.yaml", "--partition", "gpu", "--scripts", "scripts")
    assert done.returncode == 0 and not study.jobs(), done.stderr
    assert study.states() == {"missing": 3}
    printed = [sh("env", "-i", f"PATH={os.environ['PATH']}", str(study.folder / "scripts/submit.sh")) for _ in range(2)]
    assert printed[0] == printed[1] and printed[0].count(": job ") == 2
    assert "3 in the queue, 0 to submit" in second(study).stdout
    study.wait()
    assert study.states() == {"done": 3} and study.facts() == undisturbed.facts()


def test_students_of_a_teacher_that_left_the_queue_are_submitted_anew(held: SlurmStudy) -> None:
    """scancel by hand, and a launch before SLURM has noticed that the students' dependency can never be satisfied."""
    second(held)
    sh("scancel", held.cell("T seed=1")["job"])
    second(held)
    time.sleep(4)
    assert sorted(jobs_of_cells(held).values()) == [1] * 12
    assert held.states() == {"waiting": 12}


def test_a_launch_takes_over_what_scripts_were_written_for(held: SlurmStudy) -> None:
    done = held.run("launch", "grid.yaml", "--partition", "gpu", "--scripts", "scripts")
    assert done.returncode == 0
    second(held)
    late = subprocess.run([held.folder / "scripts/submit.sh"], capture_output=True, text=True)
    assert late.returncode == 1 and "a later launch has taken over its cells" in late.stderr
    assert sorted(jobs_of_cells(held).values()) == [1] * 12
    again = held.run("launch", "grid.yaml", "--partition", "gpu", "--scripts", "scripts")
    assert again.returncode == 2 and "is not empty" in again.stderr
    assert len(list(held.folder.glob("runs/submissions/*"))) == 2


def test_a_chain_of_scripts_that_was_cut_off_goes_on(held: SlurmStudy) -> None:
    """sbatch has taken the first array; what would note its id fails. The next run finds the job in the queue."""
    assert held.run("launch", "grid.yaml", "--partition", "gpu", "--scripts", "scripts").returncode == 0
    chain = str(held.folder / "scripts/submit.sh")
    path = program(held.folder / "bin", "mv", "exit 1")
    broken = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}
    assert subprocess.run([chain], capture_output=True, env=broken).returncode == 1
    assert len(jobs_of_cells(held)) == 6
    sh(chain)
    assert sorted(jobs_of_cells(held).values()) == [1] * 12


def test_a_job_that_ends_before_its_attempt_begins_has_failed(study: SlurmStudy) -> None:
    (study.folder / "broken.yaml").write_text("python: /bin/false\n")
    study.submit("--profile", "broken.yaml")
    study.wait(180)
    wait_for(lambda: study.states() == {"failed": 2, "missing": 1}, seconds=90, every=1)
    assert study.cell("T seed=0 digits (epochs 40)")["note"] == "its job ended as FAILED"
    assert "3 to submit" in study.run("launch", "grid.yaml", "--retry", "failed", "--dry-run").stdout


def test_somebodys_comment_of_two_lines_harms_nobody(held: SlurmStudy) -> None:
    odd = sh("sbatch", "--parsable", "--hold", "--comment=one\ntwo | three | four", "--wrap=true").strip()
    try:
        second(held)
        assert held.states() == {"waiting": 12}
    finally:
        sh("scancel", odd)


def test_a_job_with_the_same_name_and_another_comment_is_not_ours(held: SlurmStudy) -> None:
    stranger = sh("sbatch", "--parsable", "--hold", f"--job-name={held.name}:01-T+SAM", "--wrap=true").strip()
    try:
        assert held.states() == {"missing": 12}
        second(held)
        assert held.run("cancel", "grid.yaml", "--yes").returncode == 0
        held.wait(120)
        assert sh("squeue", "--noheader", "--jobs", stranger).strip()
    finally:
        sh("scancel", stranger)


def test_status_without_accounts(study: SlurmStudy) -> None:
    """A cluster that keeps no accounts: status says so, and knows what the records and the queue tell."""
    try:
        cluster_up(SLURM_UP_ACCT="0")
        study.submit()
        os.kill(parent_of(study.until_training("T seed=0 digits (epochs 40)")["pid"]), signal.SIGKILL)
        study.wait()
        said = study.status()
        assert any("keeps no accounts" in note for note in said["notes"])
        states = {cell["model"]: cell["state"] for cell in said["cells"] if "epochs 40" in cell["label"]}
        assert states == {"T": "failed", "R1": "missing"}
        assert "was killed, without a word" in study.cell("T seed=0 digits (epochs 40)")["note"]
    finally:
        cluster_up()


def test_status_says_what_runs_and_what_waits_for_what(study: SlurmStudy) -> None:
    study.submit()
    study.until_training("T seed=0 digits (epochs 40)")
    cell = study.cell("T seed=0 digits (epochs 40)")
    assert cell["state"] == "running" and cell["epoch"] >= 2 and cell["test_top1"] > 5 and cell["seconds_left"] > 0
    assert study.cell("R1")["note"] == "waits for its teacher T"
    (running,) = (row for row in study.jobs() if row["id"] == cell["job"])
    assert running["comment"].endswith(f" key={cell['key']}")
    text = study.run("status", "grid.yaml").stdout
    assert "1 running" in text.replace("2 running", "1 running") and "left, job" in text
