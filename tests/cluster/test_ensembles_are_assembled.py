"""An ensemble is the mean of its members' logits: scored so, taught by so, and made anew by nothing but its members."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sd.cluster.task.assembly import MissingMember
from sd.cluster.task.place import Place, Watch
from sd.cluster.task.sources import MissingTeacher
from sd.cluster.task.step import run_step
from sd.plan.cell import Cell, checkpoint_file
from sd.plan.grid import read_grid
from sd.plan.schedule import Plan, plan
from sd.store.progress import saved_checkpoints, train_record
from sd.store.record import cell_folder, read_record
from sd.train.checkpoint import BadCheckpoint
from sd.train.datasets import load
from sd.train.teacher import load_trained

GRID = """\
name: g
defaults: {dataset: digits, arch: resnet8, recipe: digits, aug: none, epochs: 1, alpha: 0.5, rounds: 1}
cells:
  - {seeds: [0, 1], ban: 2, ensembles: {sizes: 2}}
  - {seeds: 3, teacher: ensemble, ensembles: {sizes: 2, members: [[0, 1]]}}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Place]:
    folder = tmp_path_factory.mktemp("ensembles")
    (folder / "g.yaml").write_text(GRID)
    made = plan([read_grid(folder / "g.yaml")])
    place = Place(folder / "runs", None, "cpu", 1, 60.0)
    for step in made.steps.values():
        run_step(step, place, Watch())
    return made, place


def one(made: Plan, column: str) -> Cell:
    return next(cell for cell in made.cells if cell.column == column)


@torch.no_grad()
def logits(cell: Cell, place: Place, checkpoint: str) -> torch.Tensor:
    data = load("digits", None)
    folder = cell_folder(place.root, cell.key)
    sha256 = saved_checkpoints(folder)[checkpoint]["sha256"]
    model = load_trained(cell, folder / checkpoint_file(checkpoint, sha256), sha256, 10, torch.device("cpu"))
    found: torch.Tensor = model(data.normalise(data.test_images))
    return found


@pytest.mark.parametrize("column", ["E2", "BAN2"])
@pytest.mark.parametrize("checkpoint", ["best_test", "last"])
def test_its_logits_are_the_mean_of_its_members(column: str, checkpoint: str, study: tuple[Plan, Place]) -> None:
    made, place = study
    cell = one(made, column)
    members = np.mean([logits(member, place, checkpoint).double().numpy() for member in cell.members], axis=0)
    np.testing.assert_allclose(logits(cell, place, checkpoint).numpy(), members, rtol=1e-5, atol=1e-5)
    rows = read_record(train_record(cell_folder(place.root, cell.key)))["tables"]["evaluations"]
    (row,) = [row for row in rows if row["checkpoint"] == checkpoint]
    right = 100 * np.mean(members.argmax(1) == load("digits", None).test_labels.numpy())
    assert row["split"] == "test" and abs(row["top1"] - right) <= 100 * 2 / 797  # its members' logits are kept in fp16


def test_its_record_names_its_members_in_order(study: tuple[Plan, Place]) -> None:
    made, place = study
    cell = one(made, "E2")
    tables = read_record(train_record(cell_folder(place.root, cell.key)))["tables"]
    assert [row["member_key"] for row in tables["members"]] == [member.key for member in cell.members]
    assert (tables["cells"][0]["origin"], tables["cells"][0]["members"]) == ("ensemble", 2)


def test_a_student_is_taught_by_the_ensemble(study: tuple[Plan, Place]) -> None:
    made, place = study
    student = one(made, "R1(E2)")
    (row,) = read_record(train_record(cell_folder(place.root, student.key)))["tables"]["cells"]
    assert student.teacher is not None
    taught = saved_checkpoints(cell_folder(place.root, student.teacher.key))["best_test"]["sha256"]
    assert (row["teacher_sha256"], row["teacher_members"], row["model"]) == (taught, 2, "R1(E2)")


def test_a_member_that_changed_is_refused(study: tuple[Plan, Place]) -> None:
    made, place = study
    cell = one(made, "E2")
    folder = cell_folder(place.root, cell.members[0].key)
    path = folder / checkpoint_file("last", saved_checkpoints(folder)["last"]["sha256"])
    before = path.read_bytes()
    path.write_bytes(before[:-1] + b"?")
    with pytest.raises(BadCheckpoint, match="is not the checkpoint that was recorded"):
        logits(cell, place, "last")
    path.write_bytes(before)


def test_an_ensemble_without_a_member_says_which(study: tuple[Plan, Place], tmp_path: Path) -> None:
    made, _ = study
    with pytest.raises(MissingMember, match=r"a member .* has no record"):
        run_step(made.steps[one(made, "E2").key], Place(tmp_path, None, "cpu", 1, 60.0), Watch())
    with pytest.raises(MissingTeacher):
        run_step(made.steps[one(made, "R1(E2)").key], Place(tmp_path, None, "cpu", 1, 60.0), Watch())
