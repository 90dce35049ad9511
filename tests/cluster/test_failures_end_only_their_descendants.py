"""A failed cell ends its own descendants and nothing else, and says why."""

from pathlib import Path

import pytest
from study import Study

from sd.cluster.task.place import Place, Watch
from sd.cluster.task.sources import MissingTeacher
from sd.cluster.task.step import run_step
from sd.plan.cell import Cell
from sd.plan.recipe import RECIPES
from sd.plan.schedule import Step
from sd.store.attempt import Attempt, Fenced
from sd.store.record import cell_folder
from sd.train.checkpoint import BadCheckpoint

DIVERGES = """\
name: diverges
defaults: {dataset: digits, arch: resnet8, recipe: digits, aug: none, epochs: 1, rounds: 2, alpha: 0.5, seeds: 0}
cells:
  - {learning_rate: [1.0e+38, 0.01]}
"""


def test_a_cell_that_diverges_fails_its_students_and_the_others_finish(tmp_path: Path) -> None:
    study = Study(tmp_path, DIVERGES)
    done = study.launch()
    assert done.returncode == 1
    assert "Diverged" in done.stderr and done.stderr.count("failed:") == 1
    assert "2 that descend from it are not run" in done.stdout
    assert len(study.records("train")) == 3
    failed = [row for r in study.records("attempt") for row in r["tables"]["attempts"] if row["status"] == "failed"]
    assert len(failed) == 1 and "Diverged" in failed[0]["error"] and "Traceback" in failed[0]["traceback"]
    assert "3 done, 3 to run" in study.launch("--dry-run").stdout
    report = study.run("report", "grid.yaml").stdout
    assert "—" in report and "python -m sd.launch grid.yaml" in report


def test_a_missing_data_set_is_said_once_before_anything_runs(tmp_path: Path) -> None:
    study = Study(tmp_path, DIVERGES.replace("dataset: digits", "dataset: cifar10"))
    done = study.launch("--data-root", "nowhere")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "python -m sd.data prepare cifar10" in done.stderr
    assert not (tmp_path / "runs" / "cells").exists()


def cells(epochs: int = 1) -> tuple[Cell, Cell]:
    recipe = RECIPES["digits"].model_copy(update={"epochs": epochs})
    teacher = Cell("resnet8", "digits", "none", 0.0, "digits", recipe, "sgd", 0, 0)
    student = Cell("resnet8", "digits", "none", 0.0, "digits", recipe, "sgd", 1, 0, 0.5, 4.0, "best_test", teacher)
    return teacher, student


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, None, "cpu", 1, 60.0)


def test_a_student_without_its_teacher_says_so(place: Place) -> None:
    _, student = cells()
    with pytest.raises(MissingTeacher, match="resnet8 digits none T seed=0"):
        run_step(Step(student), place, Watch())


def test_a_teacher_that_changed_is_refused_with_both_hashes(place: Place) -> None:
    teacher, student = cells()
    run_step(Step(teacher), place, Watch())
    (path,) = cell_folder(place.root, teacher.key).glob("best_test-*.pt")
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(BadCheckpoint, match=r"SHA-256 [0-9a-f]{64}, recorded [0-9a-f]{64}"):
        run_step(Step(student), place, Watch())


def test_an_attempt_that_was_taken_over_writes_nothing_more(place: Place) -> None:
    """A second run of a cell begins while an orphaned first one still trains: the first must end without a record."""
    teacher, _ = cells(epochs=2)
    folder = cell_folder(place.root, teacher.key)

    def take_over(_: object) -> None:
        if len(list((folder / "attempts").glob("0*.json"))) == 1:
            Attempt(folder, teacher.key)

    with pytest.raises(Fenced, match="attempt 2 has taken over from attempt 1"):
        run_step(Step(teacher), place, Watch(on_epoch=take_over))
    assert not list(folder.glob("*.pt")) and not (folder / "train.json").exists()
