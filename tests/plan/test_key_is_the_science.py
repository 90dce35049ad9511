"""A key changes with everything that changes the science, and with nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sd.plan.cell import Cell
from sd.plan.grid import read_grid
from sd.plan.recipe import RECIPES
from sd.plan.schedule import plan

RECIPE = RECIPES["appendix_a"]
TEACHER = Cell("resnet20", "cifar10", "std", 0.0, "appendix_a", RECIPE, "sgd", 0, 0)


def student(teacher: Cell, **changes: object) -> Cell:
    plain = Cell("resnet20", "cifar10", "std", 0.0, "appendix_a", RECIPE, "sgd", 1, 0, 0.5, 4.0, "best_test", teacher)
    return replace(plain, **changes)  # type: ignore[arg-type]  # any field


def test_keys_stay_what_they_were() -> None:
    """Pinned: if one of these changes, every cell that anyone has trained is lost to its grid."""
    assert TEACHER.key == "a440cb7297e54cc5"
    assert student(TEACHER).key == "79710ff2046c7dd0"
    assert replace(TEACHER, optimizer="sam").key == "2a90835af5717547"


@pytest.mark.parametrize(
    "change",
    [
        {"arch": "resnet18"},
        {"dataset": "cifar100"},
        {"aug": "none"},
        {"label_noise": 0.3},
        {"optimizer": "sam"},
        {"seed": 1},
        {"recipe": RECIPE.model_copy(update={"epochs": 599})},
        {"recipe": RECIPE.model_copy(update={"precision": "fp32"})},
        {"recipe": RECIPE.model_copy(update={"nesterov": True})},
    ],
)
def test_a_change_of_the_teacher_changes_every_descendant(change: dict[str, object]) -> None:
    changed = replace(TEACHER, **change)  # type: ignore[arg-type]  # any field
    assert changed.key != TEACHER.key
    assert student(changed).key != student(TEACHER).key
    grandchild = student(student(changed), round=2)
    assert grandchild.key != student(student(TEACHER), round=2).key


@pytest.mark.parametrize("change", [{"alpha": 0.2}, {"tau": 1.0}, {"teacher_checkpoint": "last"}, {"seed": 3}])
def test_a_change_of_the_distillation_changes_the_key(change: dict[str, object]) -> None:
    assert student(TEACHER, **change).key != student(TEACHER).key


def test_a_name_changes_nothing() -> None:
    assert replace(TEACHER, recipe_name="digits").key == TEACHER.key


def test_rho_is_science_for_sam_alone() -> None:
    other = RECIPE.model_copy(update={"sam_rho": 0.1})
    assert replace(TEACHER, recipe=other).key == TEACHER.key
    assert replace(TEACHER, recipe=other, optimizer="sam").key != replace(TEACHER, optimizer="sam").key


def test_milestones_are_science_for_steps_alone() -> None:
    steps = RECIPE.model_copy(update={"milestones": (3,), "gamma": 0.1})
    assert replace(TEACHER, recipe=steps).key == TEACHER.key
    first, second = (RECIPES["li2018"].model_copy(update={"milestones": (m,)}) for m in (3, 4))
    assert replace(TEACHER, recipe=first).key != replace(TEACHER, recipe=second).key


def test_a_setting_is_the_key_without_the_seed() -> None:
    assert replace(TEACHER, seed=7).setting == TEACHER.setting
    assert student(replace(TEACHER, seed=7), seed=7).setting == student(TEACHER).setting
    assert student(TEACHER, alpha=0.2).setting != student(TEACHER).setting


def test_a_cell_is_made_again_from_json() -> None:
    cell = student(student(TEACHER), round=2)
    again = Cell.from_json(json.loads(json.dumps(cell.to_json())))
    assert again == cell and again.to_json() == cell.to_json()
    assert [c.key for c in again.lineage] == [c.key for c in cell.lineage]


GRID = """\
name: g
defaults: {dataset: cifar10, seeds: [0, 1], recipe: appendix_a, alpha: [0.2, 0.5], rounds: 2, sam: true}
cells:
  - {arch: resnet20}
"""


def keys(folder: Path, text: str, name: str = "g.yaml") -> set[str]:
    (folder / name).write_text(text)
    return set(plan([read_grid(folder / name)]).steps)


def test_logistics_and_measures_and_comments_change_no_key(tmp_path: Path) -> None:
    before = keys(tmp_path, GRID)
    more = GRID + "# a comment\nresources: {default: {hours: 9, gpus: 2}, resnet20: {cpus: 3}}\n"
    assert keys(tmp_path, more) == before
    assert keys(tmp_path, GRID.replace("sam: true", "sam: true, measure: [curvature]")) == before


def test_the_teacher_is_shared_by_all_alpha_and_all_grids(tmp_path: Path) -> None:
    first = keys(tmp_path, GRID)
    assert len(first) == 2 * (1 + 1 + 2 * 2)
    both = plan([read_grid(tmp_path / "g.yaml")] * 2)
    assert set(both.steps) == first
    third = keys(tmp_path, GRID.replace("alpha: [0.2, 0.5]", "alpha: 0.8"))
    assert len(third & first) == 4  # the teachers and SAM


def test_changing_the_epochs_changes_every_key(tmp_path: Path) -> None:
    assert not keys(tmp_path, GRID) & keys(tmp_path, GRID.replace("sam: true", "sam: true, epochs: 599"))
