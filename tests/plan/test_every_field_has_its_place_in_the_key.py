"""Each thing that a grid can say either changes the keys that it should, all of them, or none."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sd.plan.catalogue import AUGMENTATIONS
from sd.plan.cell import _OPTIONAL, _PLAIN, Cell
from sd.plan.grid import Block, read_grid
from sd.plan.recipe import RECIPES, Recipe
from sd.plan.schedule import plan

GRID = """\
name: g
defaults:
  dataset: digits
  arch: resnet8
  recipe: digits
  aug: none
  seeds: [3]
  rounds: 2
  alpha: [0.5]
  tau: 4
  sam: true
  label_noise: 0.3
  schedule: cosine
cells:
  - {}
"""
COLUMNS = {"T", "R1", "R2", "SAM"}
CHAIN = {"T", "R1", "R2"}
STUDENTS = {"R1", "R2"}

# field: (what is written instead or added, the columns whose keys it changes)
CHANGES: dict[str, tuple[str, set[str]]] = {
    "arch": ("arch: resnet20", COLUMNS),
    "dataset": ("dataset: cifar10", COLUMNS),
    "aug": ("aug: crop", COLUMNS),
    "seeds": ("seeds: [4]", COLUMNS),
    "label_noise": ("label_noise: 0.2", COLUMNS),
    "alpha": ("alpha: [0.4]", STUDENTS),
    "tau": ("tau: 3", STUDENTS),
    "teacher_checkpoint": ("teacher_checkpoint: last", STUDENTS),
    "rounds": ("rounds: 3", set()),
    "sam": ("sam: false", set()),
    "recipe": ("recipe: appendix_a", COLUMNS),
    "measure": ("measure: [curvature]", set()),
    "teacher": ("teacher: sam", set()),  # the students are others' then, in columns of their own
    "method": ("method: distillation", set()),
    "ensembles": ("ensembles: {sizes: [2], members: [[3, 4]]}", set()),
    "ban": ("ban: [2, 3]", set()),
    "tier": ("tier: full", set()),
    "curvature": ("curvature: {probes: 7}", set()),
    "landscape": ("landscape: {points: 7}", set()),
    "teacher_stop_after": ("teacher_stop_after: 20", {"T"}),  # its students stand in columns of their own
    "measure_ensembles": ("measure: [curvature]\n  measure_ensembles: [curvature]", set()),
    "fidelity": ("fidelity: {samples: 7}", set()),
    "robustness": ("robustness: {severities: [3]}", set()),
    "epochs": ("epochs: 31", COLUMNS),
    "batch_size": ("batch_size: 97", COLUMNS),
    "learning_rate": ("learning_rate: 0.02501", COLUMNS),
    "momentum": ("momentum: 0.8", COLUMNS),
    "weight_decay": ("weight_decay: 0", COLUMNS),
    "schedule": ("schedule: step\n  milestones: [20]\n  gamma: 0.1", COLUMNS),
    "nesterov": ("nesterov: true", COLUMNS),
    "clip_norm": ("clip_norm: null", COLUMNS),
    "milestones": ("milestones: [20]", set()),  # of a cosine: without effect
    "gamma": ("gamma: 0.1", set()),
    "precision": ("precision: bf16", COLUMNS),
    "sam_rho": ("sam_rho: 0.1", {"SAM"}),
    "init": ("init: scratch", set()),  # pretrained needs another arch: see below
    "warmup_steps": ("warmup_steps: 5", COLUMNS),
    "label_smoothing": ("label_smoothing: 0.1", COLUMNS),
    "ema_decay": ("ema_decay: 0.99", COLUMNS),
    "val_fraction": ("val_fraction: 0.1", COLUMNS),
    "evaluate_every": ("evaluate_every: 2", COLUMNS),
    "augment_order": ("augment_order: policy_first", set()),  # without effect where nothing is augmented: see below
    "cutout_length": ("cutout_length: 8", set()),
    "rotation": ("rotation: 10", set()),
    "stop_after": ("stop_after: 20", COLUMNS),
}


def keys(folder: Path, text: str) -> dict[str, str]:
    """The key of each column's first cell: the block's own come before the members of its ensembles."""
    (folder / "g.yaml").write_text(text)
    return {cell.column: cell.key for cell in reversed(plan([read_grid(folder / "g.yaml")]).cells)}


def test_every_field_of_a_grid_is_in_the_table() -> None:
    """A field that is added must be put into the key, or its owner must say here that it is no science."""
    assert set(CHANGES) == set(Block.model_fields) | set(Recipe.model_fields)


def test_every_field_of_a_cell_is_written_and_read() -> None:
    assert {*_PLAIN, *_OPTIONAL, "recipe", "teacher", "members"} == set(Cell.__dataclass_fields__)


@pytest.mark.parametrize("field", CHANGES)
def test_a_field_changes_the_keys_of_these_columns_and_no_other(field: str, tmp_path: Path) -> None:
    written, columns = CHANGES[field]
    before = keys(tmp_path, GRID)
    line = re.search(rf"^  {field}: .*$", GRID, re.MULTILINE)
    changed = GRID.replace(line[0], f"  {written}") if line else GRID.replace("defaults:", f"defaults:\n  {written}")
    after = keys(tmp_path, changed)
    assert {column for column in before if column in after and after[column] != before[column]} == columns


SAME_SCIENCE = [
    ("name: g", "name: another"),
    ("cells:", "resources: {default: {gpus: 2, hours: 99}}\ncells:"),
    ("name: g", "# a comment\nname: g # and another"),
    ("tau: 4", "tau: 4.0"),
    ("tau: 4", "tau: [4]"),
    ("alpha: [0.5]", "alpha: .5"),
    ("alpha: [0.5]", "alpha: 5e-1"),
    ("seeds: [3]", "seeds: 3"),
    ("schedule: cosine", "schedule: cosine\n  clip_norm: 5"),
    ("schedule: cosine", "learning_rate: 25e-3"),
    ("schedule: cosine", "nesterov: false"),
    ("recipe: digits", "recipe: appendix_a\n  epochs: 30\n  precision: fp32"),
    ("  dataset: digits\n  arch: resnet8\n", "  arch: resnet8\n  dataset: digits\n"),
    ("  - {}", "  - {arch: resnet8, sam: true, epochs: 30}"),
    ("  - {}", "  - {}\n  - {alpha: [0.5], rounds: 1, sam: false}"),
]


@pytest.mark.parametrize(("right", "also_right"), SAME_SCIENCE)
def test_the_same_science_written_otherwise_has_the_same_keys(right: str, also_right: str, tmp_path: Path) -> None:
    assert right in GRID
    assert keys(tmp_path, GRID.replace(right, also_right)) == keys(tmp_path, GRID)


@pytest.mark.parametrize("field", ["label_noise", "weight_decay", "alpha", "momentum"])
def test_minus_zero_is_zero(field: str, tmp_path: Path) -> None:
    plain = re.sub(rf"^  {field}: .*\n", "", GRID, flags=re.MULTILINE)
    grids = (plain.replace("defaults:", f"defaults:\n  {field}: {value}") for value in ("-0.0", "0"))
    assert keys(tmp_path, next(grids)) == keys(tmp_path, next(grids))


def test_where_the_file_lies_and_what_it_is_called_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.yml").write_text(GRID)
    elsewhere = {cell.column: cell.key for cell in plan([read_grid(tmp_path / "deep" / "b.yml")]).cells}
    assert elsewhere == keys(tmp_path, GRID)


def test_keys_of_a_whole_chain_are_pinned(tmp_path: Path) -> None:
    """If one of these changes, every cell that anyone has trained is lost to its grid: bump KEY_VERSION knowingly."""
    assert keys(tmp_path, GRID) == {
        "T": "5719d3be8a49f7d3",
        "SAM": "7b78bff6bcfaa23b",
        "R1": "fd6fa38661b92fc7",
        "R2": "fbf9a6424406d44f",
    }
    li2018 = GRID.replace("recipe: digits", "recipe: li2018").replace("  schedule: cosine\n", "")
    assert keys(tmp_path, li2018) == {
        "T": "11a1add72533de82",
        "SAM": "1f759a576e1d1555",
        "R1": "afe2bf041238305a",
        "R2": "b4fae168476b76cf",
    }


def test_keys_do_not_depend_on_the_process(tmp_path: Path) -> None:
    """Nor on Python's hash seed: a compute node must find what the login node planned."""
    (tmp_path / "g.yaml").write_text(GRID)
    program = (
        "from pathlib import Path; from sd.plan.grid import read_grid; from sd.plan.schedule import plan; "
        "print(*plan([read_grid(Path('g.yaml'))]).steps)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {" ".join(plan([read_grid(tmp_path / "g.yaml")]).steps) + "\n"}


def test_all_recipes_are_different_science_but_those_that_the_paper_says_nothing_of() -> None:
    """A name that means the same as another would make one cell appear under two names; here the data sets differ."""
    appendix_a = RECIPES["appendix_a"]
    assert RECIPES["svhn"] == RECIPES["tiny_imagenet"] == appendix_a
    others = {name: recipe for name, recipe in RECIPES.items() if name not in {"svhn", "tiny_imagenet"}}
    assert len({str(recipe.science(optimizer="sam", aug="std")) for recipe in others.values()}) == len(others)


def test_published_weights_are_another_start(tmp_path: Path) -> None:
    vit = GRID.replace("arch: resnet8", "arch: vit_s32")
    pretrained = keys(tmp_path, vit.replace("schedule: cosine", "schedule: cosine\n  init: pretrained"))
    assert not set(pretrained.values()) & set(keys(tmp_path, vit).values())


IMAGE_FIELDS = {
    "cutout_length: 4": {"cutout", "aa_cutout"},
    "rotation: 10": {"crop_rotate"},
    "augment_order: policy_first": {"aa_cutout"},
}


@pytest.mark.parametrize("field", IMAGE_FIELDS)
def test_how_an_image_is_changed_matters_to_an_augmentation_that_changes_it_so(field: str, tmp_path: Path) -> None:
    for aug in AUGMENTATIONS:
        plain = GRID.replace("aug: none", f"aug: {aug}")
        other = plain.replace("schedule: cosine", f"schedule: cosine\n  {field}")
        assert (keys(tmp_path, other) != keys(tmp_path, plain)) == (aug in IMAGE_FIELDS[field]), aug
