"""A run that ``stop_after`` ends early is the first part of the whole run, to the last bit, and teaches like any other.

This is the control that asks whether a student gains because its teacher had not yet learnt everything by heart.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sd.plan.cell import Cell
from sd.plan.cost import petaflop
from sd.plan.recipe import RECIPES, Recipe
from sd.train.checkpoint import load as load_checkpoint
from sd.train.datasets import Dataset, load
from sd.train.teacher import load_trained
from sd.train.trainer import Control, Stopped, Trained, train

CPU = torch.device("cpu")
SCHEDULES = [{"schedule": "cosine"}, {"schedule": "cosine_by_step", "warmup_steps": 5}]


@pytest.fixture(scope="module")
def data() -> Dataset:
    torch.set_num_threads(1)
    whole = load("digits")
    return replace(whole, train_images=whole.train_images[:300], train_labels=whole.train_labels[:300])


def cell(**changes: object) -> Cell:
    recipe = Recipe(**(RECIPES["digits"].model_dump() | {"epochs": 5} | changes))
    return Cell("resnet8", "digits", "std", 0.0, "digits", recipe, "sgd", 0, 3)


def student_of(teacher: Cell, **changes: object) -> Cell:
    taught = replace(teacher, round=1, alpha=0.3, tau=2.0, teacher_checkpoint="last", teacher=teacher)
    return replace(taught, **changes)  # type: ignore[arg-type]  # any field


def run(what: Cell, data: Dataset, folder: Path, control: Control | None = None) -> Trained:
    return train(what, data, None, folder=folder, device=CPU, control=control or Control())


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_it_is_the_first_part_of_the_whole_run(schedule: dict[str, object], data: Dataset, tmp_path: Path) -> None:
    """The whole run is asked to stop in its third epoch and leaves its weights as they were after two."""
    whole, early = cell(**schedule), cell(**schedule, stop_after=2)
    asked = iter([*[False] * 2 * 4, True])  # 300 images are four batches
    with pytest.raises(Stopped):
        run(whole, data, tmp_path / "whole", Control(should_stop=lambda: next(asked)))
    there = load_checkpoint(tmp_path / "whole" / "resume.pt", CPU)
    found = run(early, data, tmp_path / "early")
    assert [{**vars(epoch), "seconds": 0} for epoch in found.history] == [
        {**epoch, "seconds": 0} for epoch in there["history"]
    ]
    assert found.saved["last"].epoch == 2
    weights = load_checkpoint(next((tmp_path / "early").glob("last-*.pt")), CPU)["model"]
    assert there["epoch"] == 2 and there["step"] == 0
    assert all(torch.equal(tensor, there["model"][name]) for name, tensor in weights.items())


def test_its_last_epoch_is_evaluated(data: Dataset, tmp_path: Path) -> None:
    found = run(cell(stop_after=4, evaluate_every=3), data, tmp_path)
    assert [epoch.epoch for epoch in found.history if epoch.test_top1 is not None] == [3, 4]


def test_stopped_it_goes_on_to_the_same_bits(data: Dataset, tmp_path: Path) -> None:
    early = cell(stop_after=3)
    whole = run(early, data, tmp_path / "whole")
    asked = iter([*[False] * 6, True])
    with pytest.raises(Stopped):
        run(early, data, tmp_path / "pieces", Control(should_stop=lambda: next(asked)))
    found = run(early, data, tmp_path / "pieces")
    assert [(name, it.sha256) for name, it in found.saved.items()] == [
        (name, it.sha256) for name, it in whole.saved.items()
    ]


def test_an_early_teacher_teaches_a_student_that_trains_to_the_end(data: Dataset, tmp_path: Path) -> None:
    early = cell(stop_after=2)
    saved = run(early, data, tmp_path / "teacher").saved["last"]
    path = next((tmp_path / "teacher").glob("last-*.pt"))
    teacher = load_trained(early, path, saved.sha256, 10, CPU)
    student = student_of(early, recipe=cell().recipe)
    history = train(student, data, teacher, folder=tmp_path / "student", device=CPU, control=Control()).history
    assert len(history) == 5


def test_only_one_that_stops_early_has_another_key() -> None:
    plain, early = cell(), cell(stop_after=2)
    assert "stop_after" not in plain.recipe.science(optimizer="sgd", aug="std")
    assert cell(stop_after=None).key == plain.key
    assert len({plain.key, early.key, cell(stop_after=3).key}) == 3
    full = {"recipe": plain.recipe}
    assert student_of(early, **full).key != student_of(plain).key
    assert Cell.from_json(json.loads(json.dumps(early.to_json()))) == early


def test_a_column_says_that_the_teacher_alone_stopped_early() -> None:
    plain, early = cell(), cell(stop_after=2)
    first = student_of(early, recipe=plain.recipe)
    second = replace(first, round=2, teacher=first)
    assert [it.column for it in (early, first, second)] == ["T", "R1(T@2)", "R2(T@2)"]
    assert early.protocol == "digits (epochs 5, stop_after 2)"
    assert student_of(early).column == "R1", "a whole chain that stops early is told apart by its recipe"
    assert student_of(plain).column == "R1"


def test_it_costs_what_it_trains() -> None:
    whole, early = petaflop(cell()), petaflop(cell(stop_after=2))
    assert whole and early == pytest.approx(whole * 2 / 5)
