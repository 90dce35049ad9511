"""Controls as whole tasks: each after its teacher, from its checkpoint, to a record that says what the control was."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.distributions import Categorical

from sd.cluster.task.place import Place, Watch
from sd.cluster.task.step import run_step
from sd.plan.cell import Cell, checkpoint_file
from sd.plan.cost import petaflop
from sd.plan.recipe import RECIPES
from sd.plan.schedule import Step
from sd.store.progress import train_record
from sd.store.record import cell_folder, read_record
from sd.train.checkpoint import load as load_checkpoint
from sd.train.datasets import load
from sd.train.models import build
from sd.train.targets import entropy_of

RECIPE = RECIPES["digits"].model_copy(update={"epochs": 2})
FIRST = Cell("resnet8", "digits", "crop", 0.0, "digits", RECIPE, "sgd", 0, 0)


def taught(teacher: Cell, **changes: object) -> Cell:
    student = replace(
        teacher,
        optimizer="sgd",
        round=teacher.round + 1,
        alpha=0.3,
        tau=4.0,
        teacher_checkpoint="last",
        teacher=teacher,
    )
    return replace(student, **changes)  # type: ignore[arg-type]  # any field


def recorded(cell: Cell, root: Path) -> dict[str, object]:
    run_step(Step(cell), Place(root, None, "cpu", 1, 60.0), Watch())
    return read_record(train_record(cell_folder(root, cell.key)))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    recorded(FIRST, folder)
    return folder


def test_the_smoothing_of_the_record_is_as_soft_as_the_teacher_that_is_on_disk(root: Path) -> None:
    """The teacher's mean entropy, taken again from its checkpoint by torch.distributions."""
    record = recorded(taught(FIRST, method="label_smoothing"), root)
    tables, control = record["tables"], record["control"]
    row = tables["cells"][0]
    assert (row["model"], row["method"], row["teacher_key"]) == ("R1 label_smoothing", "label_smoothing", FIRST.key)
    path = cell_folder(root, FIRST.key) / checkpoint_file("last", row["teacher_sha256"])
    teacher = build("resnet8", 10)
    teacher.load_state_dict(load_checkpoint(path, torch.device("cpu"))["model"])
    data = load("digits")
    with torch.no_grad():
        logits = teacher.eval()(data.normalise(data.train_images)).double()
    expected = float(Categorical(logits=logits / 4).entropy().mean())
    assert control["entropy"] == pytest.approx(expected, rel=1e-5)
    assert entropy_of(control["epsilon"], 10) == pytest.approx(control["entropy"], rel=1e-12)


def test_other_methods_say_what_they_are(root: Path) -> None:
    permuted = recorded(taught(FIRST, method="permuted"), root)
    annealed = recorded(taught(FIRST, method="annealed"), root)
    plain = recorded(taught(FIRST), root)
    assert 0 < permuted["control"]["alone"] < 1e-3  # ten classes in batches of 96
    assert "control" not in annealed and "control" not in plain
    rows = [record["tables"]["cells"][0] for record in (permuted, annealed, plain)]
    assert [row["model"] for row in rows] == ["R1 permuted", "R1 annealed", "R1"]
    losses = [record["tables"]["epochs"][-1]["train_loss"] for record in (permuted, annealed, plain)]
    assert len(set(losses)) == 3


def test_sam_teaches_students_that_are_trained_with_sgd(root: Path) -> None:
    sam = replace(FIRST, optimizer="sam")
    first = taught(sam)
    second = taught(first)
    assert [it.column for it in second.lineage] == ["SAM", "R1(SAM)", "R2(SAM)"]
    assert first.key != taught(FIRST).key and second.key != taught(taught(FIRST)).key
    records = [recorded(it, root) for it in (sam, first, second)]
    rows = [record["tables"]["cells"][0] for record in records]
    assert [row["optimizer"] for row in rows] == ["sam", "sgd", "sgd"]
    for before, after in zip(records, rows[1:], strict=False):
        last = next(row for row in before["tables"]["checkpoints"] if row["checkpoint"] == "last")
        assert after["teacher_sha256"] == last["sha256"]
    other = recorded(taught(FIRST), root)["tables"]["epochs"]
    assert [row["train_loss"] for row in records[1]["tables"]["epochs"]] != [row["train_loss"] for row in other]


def test_a_teacher_that_stopped_early_has_its_own_epochs_in_the_record(root: Path) -> None:
    early = replace(FIRST, recipe=RECIPE.model_copy(update={"stop_after": 1}))
    student = taught(early, recipe=RECIPE)
    rows = [recorded(it, root)["tables"] for it in (early, student)]
    assert [(it["cells"][0]["epochs"], len(it["epochs"])) for it in rows] == [(1, 1), (2, 2)]
    assert rows[1]["cells"][0]["model"] == "R1(T@1)"
    assert rows[1]["cells"][0]["teacher_key"] == early.key != FIRST.key


def test_label_smoothing_costs_no_answers_of_a_teacher() -> None:
    assert petaflop(taught(FIRST, method="label_smoothing")) == petaflop(FIRST)
    assert petaflop(taught(FIRST, method="permuted")) == petaflop(taught(FIRST)) > petaflop(FIRST)
