"""A student starts within seconds of its own teacher's end, and a failed teacher ends only its own descendants."""

import shutil
from pathlib import Path

import pytest
from cluster import SlurmStudy, accounts, seconds, sh
from study import Study

pytestmark = pytest.mark.slow

UNEVEN = """\
name: NAME
defaults: {dataset: digits, arch: resnet8, recipe: digits, aug: none, seeds: 0, rounds: 1, alpha: 0.5}
cells:
  - {epochs: [2, 4, 80]}
resources: {default: {gpus: 0, cpus: 1, memory_gb: 2, hours: 1}}
"""


def test_students_of_quick_teachers_do_not_wait_for_the_slowest(tmp_path: Path) -> None:
    study = SlurmStudy(tmp_path, UNEVEN)
    printed = study.submit()
    teachers, students = (line.split()[2].rstrip(",") for line in printed.splitlines() if ": job " in line)
    study.wait()
    assert study.states() == {"done": 6}
    _, taught = accounts(teachers), accounts(students)
    ends = {index: seconds(accounts(teachers)[f"{teachers}_{index}"][2]) for index in range(3)}
    starts = {index: seconds(taught[f"{students}_{index}"][1]) for index in range(3)}
    slowest = max(ends.values())
    assert all(0 <= starts[index] - ends[index] <= 10 for index in range(3)), (ends, starts)
    assert sum(starts[index] < slowest for index in range(3)) == 2


CHAIN = """\
name: NAME
defaults: {dataset: digits, arch: resnet8, recipe: digits, aug: none, seeds: [0, 1], rounds: 2, alpha: 0.5}
cells:
  - {epochs: 2}
resources: {default: {gpus: 0, cpus: 1, memory_gb: 2, hours: 1}}
"""


def test_a_failed_teacher_ends_its_descendants_and_retry_repairs_them(tmp_path: Path) -> None:
    """What fails is real: a folder stands where the teacher's record is to be written."""
    study = SlurmStudy(tmp_path, CHAIN)
    teacher = study.cell("T seed=0")
    obstacle = study.folder / "runs/cells" / teacher["key"] / "train.json"
    (obstacle / "in-the-way").mkdir(parents=True)
    study.submit()
    study.wait()
    assert study.states() == {"failed": 1, "missing": 2, "done": 3}
    failed = study.cell("T seed=0")
    assert "IsADirectoryError" in failed["note"] and failed["log"].endswith("_0_0_log.out")
    assert "IsADirectoryError" in Path(failed["log"]).read_text()
    assert study.cell("R1 alpha=0.5 seed=0")["note"] == "not run: T failed" == study.cell("R2 alpha=0.5 seed=0")["note"]
    attempt = study.attempt("T seed=0")
    assert attempt and "Traceback" in attempt["traceback"] and attempt["job_id"] == failed["job"]
    shutil.rmtree(obstacle)
    assert "3 done, 3 to submit" in study.submit("--retry", "failed")
    study.wait()
    assert study.states() == {"done": 6}
    assert "0 to submit" in study.submit("--retry", "failed")


def test_through_slurm_the_numbers_are_those_of_a_local_run(tmp_path: Path, undisturbed: SlurmStudy) -> None:
    """With as many threads: a cell of the study has one, and so has a worker that may use one core only."""
    local = Study(tmp_path, (undisturbed.folder / "grid.yaml").read_text())
    done = local.run("launch", "grid.yaml", "--local", before=["taskset", "--cpu-list", "0"])
    assert done.returncode == 0, done.stderr
    assert local.facts() == undisturbed.facts()
    reports = [study.run("report", "grid.yaml").stdout for study in (local, undisturbed)]
    assert reports[0] == reports[1] and "—" not in reports[0]


def test_packed_cells_share_jobs_and_have_the_same_numbers(tmp_path: Path, undisturbed: SlurmStudy) -> None:
    study = SlurmStudy(tmp_path)
    printed = study.submit("--pack", "2", "--cpus", "2")
    assert "2 cells in 1 task" in printed
    study.wait()
    assert study.facts() == undisturbed.facts()


def test_what_was_submitted_is_not_changed_by_editing_the_code(study: SlurmStudy) -> None:
    """The jobs wait; meanwhile the checkout that submitted them is broken."""
    import sd

    checkout = study.folder / "checkout"
    package = checkout / "sd"
    shutil.copytree(sd.__path__[0], package, ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ("sql", "templates"):
        shutil.copytree(sd.resource(beside), checkout / beside)
    command = ["env", f"PYTHONPATH={checkout}"]
    done = study.run("launch", "grid.yaml", "--partition", "gpu", "--sbatch", "hold", before=command)
    assert done.returncode == 0, done.stderr
    for path in package.rglob("*.py"):
        path.write_text("raise SystemExit('this is the edited checkout')\n")
    assert study.cell("R1")["note"].startswith("waits for")
    sh("scontrol", "release", *sorted({row["id"].partition("_")[0] for row in study.jobs()}))
    study.wait()
    assert study.states() == {"done": 3}
    assert "edited" not in study.logs()
