"""Every mistake in a grid is one line: the file, the line, the value, and what would be right."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sd import BadInput, resource
from sd.plan.grid import read_grid

GRID = """\
name: study
defaults:
  dataset: cifar10
  seeds: [0, 1]
  recipe: appendix_a
  rounds: 1
  alpha: 0.5
cells:
  - arch: resnet18
    aug: std
resources:
  default: {hours: 6}
"""

MISTAKES = [
    ("    aug: std", "    augm: std", 10, "augm: is not a known key; did you mean 'aug'?"),
    ("    aug: std", "    aug: mixup", 10, "aug: 'mixup' is not a known augmentation; known: none, crop, std"),
    ("arch: resnet18", "arch: resnet-18", 9, "arch: 'resnet-18' is not a known architecture; did you mean 'resnet18'?"),
    ("arch: resnet18", "arch: [resnet18, 7]", 9, "arch: 7 is not a known architecture"),
    ("arch: resnet18", "arch: {}", 9, "arch: {} is not a known architecture"),
    ("dataset: cifar10", "dataset: cifar-10", 3, "'cifar-10' is not a known data set; did you mean 'cifar10'?"),
    (
        "dataset: cifar10",
        "dataset: imagenetv2",
        3,
        "dataset: imagenetv2 has no training split; it is for evaluation; train on another: digits, cifar10, cifar100",
    ),
    ("recipe: appendix_a", "recipe: apendix", 5, "'apendix' is not a known recipe; did you mean 'appendix_a'?"),
    ("alpha: 0.5", "alpha: 1.5", 7, "alpha: 1.5 should be less than or equal to 1"),
    ("alpha: 0.5", "alpha: [0.5, -0.1]", 7, "alpha: -0.1 should be greater than or equal to 0"),
    ("alpha: 0.5", "alpha: .nan", 7, "alpha: nan should be"),
    ("alpha: 0.5", "alpha: true", 7, "alpha: True is true or false where a number belongs"),
    ("alpha: 0.5", "alpha: much", 7, "alpha: 'much' should be a valid number"),
    ("alpha: 0.5", "alpha: []", 7, "alpha: is empty; give at least one value"),
    ("seeds: [0, 1]", "seeds: []", 4, "seeds: is empty; give at least one value"),
    ("seeds: [0, 1]", "seeds: [0, 1, 0]", 4, "seeds: 0 is given twice; give each value once"),
    ("seeds: [0, 1]", "seeds: [0.5]", 4, "seeds: 0.5 should be a valid integer"),
    ("seeds: [0, 1]", "seeds: {a: 1}", 4, "seeds: {'a': 1} should be a valid integer"),
    ("rounds: 1", "rounds: -1", 6, "rounds: -1 should be greater than or equal to 0"),
    ("rounds: 1", "rounds: 0", 9, "alpha needs rounds"),
    ("rounds: 1", "rounds: 1\n  epochs: 0", 7, "epochs: 0 should be greater than 0"),
    ("rounds: 1", "rounds: 1\n  epochs: [1, 1]", 7, "epochs: 1 is given twice"),
    ("rounds: 1", "rounds: 1\n  epochs: []", 7, "epochs: is empty"),
    ("rounds: 1", "rounds: 1\n  epochs: true", 7, "epochs: True is true or false where a number belongs"),
    (
        "rounds: 1",
        "rounds: 1\n  schedule: linear",
        7,
        "schedule: 'linear' should be 'cosine', 'step' or 'cosine_by_step'",
    ),
    (
        "rounds: 1",
        "rounds: 1\n  teacher_checkpoint: best_val",
        7,
        "teacher_checkpoint: best_val needs a part held out; add val_fraction: 0.1",
    ),
    ("rounds: 1", "rounds: 1\n  label_noise: 1", 7, "label_noise: 1 should be less than 1"),
    (
        "rounds: 1",
        "rounds: 1\n  measure: [trace]",
        7,
        "measure: 'trace' is not a known measure; known: curvature, landscape",
    ),
    (
        "rounds: 1",
        "rounds: 1\n  curvature: {probe: 3}",
        7,
        "curvature.probe: is not a known key; did you mean 'probes'?",
    ),
    ("rounds: 1", "rounds: 1\n  rounds: 2", 7, "rounds: is given twice (first on line 6); keep one"),
    ("rounds: 1", "rounds: 1\n  schedule: step", 10, "schedule step needs milestones and gamma"),
    ("rounds: 1", "rounds: 1\n  momentum: 0\n  nesterov: true", 11, "nesterov needs momentum above 0"),
    ("rounds: 1", "rounds: 1\n  sam_rho: null\n  teacher: sam", 11, "teacher: recipe appendix_a sets no sam_rho; add"),
    ("rounds: 1", "rounds: 1\n  stop_after: 600", 10, "stop_after: 600 is not before the end of 600 epochs"),
    (
        "rounds: 1",
        "rounds: 1\n  teacher_stop_after: [30, 600]",
        7,
        "teacher_stop_after: 600 is not before the end of 600 epochs; give fewer",
    ),
    (
        "rounds: 1",
        "rounds: 1\n  teacher_stop_after: 30\n  teacher: ensemble\n  ensembles: {sizes: 2}",
        12,
        "teacher_stop_after is of teachers that are trained for their students; give teacher: trained",
    ),
    (
        "rounds: 1",
        "rounds: 1\n  measure_ensembles: curvature",
        10,
        "measure_ensembles: curvature is not measured here; add it to measure, too",
    ),
    ("name: study", "nmae: study", 1, "nmae: is not a known key; did you mean 'name'?"),
    ("name: study", "name: ../up", 1, "name: '../up' should match pattern"),
    ("  default: {hours: 6}", "  defalt: {hours: 6}", 12, "'defalt' is not an architecture; did you mean 'default'?"),
    ("  default: {hours: 6}", "  default: {hour: 6}", 12, "hour: is not a known key; did you mean 'hours'?"),
    ("  default: {hours: 6}", "  default: {hours: 0}", 12, "hours: 0 should be greater than 0"),
    ("  - arch: resnet18", "  - arch: [resnet18", 10, "is not YAML"),
    ("  - arch: resnet18", "  - aarch: resnet18", 9, "aarch: is not a known key; did you mean 'arch'?"),
]


def complaint(path: Path) -> str:
    with pytest.raises(BadInput) as raised:
        read_grid(path)
    return str(raised.value)


@pytest.mark.parametrize(("right", "wrong", "line", "text"), MISTAKES)
def test_the_mistake_is_named_with_its_line(right: str, wrong: str, line: int, text: str, tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    assert right in GRID
    path.write_text(GRID.replace(right, wrong, 1))
    lines = complaint(path).splitlines()
    assert any(found.startswith(f"{path}:{line}: ") and text in found for found in lines), lines
    renamed = wrong.strip("- ").startswith(("nmae", "aarch"))  # then the right key is missing, which is a second line
    assert len(lines) == 1 + renamed
    assert not renamed or any("is missing; add" in found for found in lines)


def test_the_grid_without_a_mistake_is_read(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    assert len(read_grid(path).cells) == 4


def test_several_mistakes_are_told_in_the_order_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID.replace("alpha: 0.5", "alpha: 2").replace("resnet18", "resnet19").replace("[0, 1]", "[-1]"))
    assert [int(line.split(":")[1]) for line in complaint(path).splitlines()] == [4, 7, 9]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is not a mapping"),
        (b"- 1\n- 2\n", "is not a mapping"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"a: b: c\n", "is not YAML"),
        (b"\x00", "is not YAML"),
        (b"name: x\ncells: 3\n", "cells: 3 should be a valid list"),
        (b"name: x\ncells: []\n", "cells: is empty"),
        (b"name: x\ncells: [a]\n", "cells: 'a' should be a valid dictionary"),
        (b"name: x\n", "cells: is missing"),
        (b"name: x\ncells: [{? [1, 2] : 3}]\n", "a key must be a plain word"),
        (b"name: x\ncells: !!python/object/apply:os.system [ls]\n", "is not YAML"),
    ],
)
def test_a_file_that_is_no_grid_is_one_line(content: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_bytes(content)
    found = complaint(path)
    assert text in found and "\n" not in found


def test_a_directory_and_a_missing_file_are_one_line(tmp_path: Path) -> None:
    assert "is a directory; give a grid file such as" in complaint(tmp_path)
    assert "no such file; give the path of a grid file" in complaint(tmp_path / "none.yaml")


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    path.write_text("\n".join(lines))
    started = time.monotonic()
    assert "holds more than" in complaint(path)
    assert time.monotonic() - started < 20


def test_alpha_one_is_allowed_and_says_what_it_means(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID.replace("alpha: 0.5", "alpha: [0, 1]"))
    (note,) = read_grid(path).notes
    assert "the teacher has no influence" in note


def test_numbers_may_be_written_as_people_write_them(tmp_path: Path) -> None:
    """YAML 1.1 reads 1e-3 as text."""
    path = tmp_path / "grid.yaml"
    path.write_text(GRID.replace("rounds: 1", "rounds: 1\n  learning_rate: 1e-3"))
    assert read_grid(path).cells[0][0].recipe.learning_rate == 1e-3


@pytest.mark.parametrize("path", sorted(resource("jobs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_grid_is_read(path: Path) -> None:
    assert any(grid.cells for grid in read_grid(path).all)


ODD = ["[]", "{}", "null", "-1", "1e400", "~", "&a", "*a", "!!int", "\t", "<<"]
WORDS = st.sampled_from([*re.findall(r"\S+", GRID), *ODD])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(GRID.split()) - 1), words=st.lists(WORDS, max_size=3))
def test_a_mangled_grid_is_read_or_refused_in_lines(place: int, words: list[str], tmp_path: Path) -> None:
    """Any other exception would be a traceback in a user's face."""
    found = list(re.finditer(r"\S+", GRID))[place]
    path = tmp_path / "grid.yaml"
    path.write_text(GRID[: found.start()] + " ".join(words) + GRID[found.end() :])
    try:
        read_grid(path)
    except BadInput as error:
        assert all(line.startswith(str(path)) for line in str(error).splitlines())


def test_what_the_paper_does_besides_its_recipe_is_said(tmp_path: Path) -> None:
    """A grid with the recipe's name and another augmentation or temperature is planned, with a note."""
    text = "name: g\ncells: [{arch: resnet18, dataset: svhn, recipe: svhn, seeds: 0, aug: AUG}]\n"
    for aug, notes in (("std", ["recipe svhn is the paper's with aug: none; this grid says otherwise"]), ("none", [])):
        (tmp_path / "g.yaml").write_text(text.replace("AUG", aug))
        assert read_grid(tmp_path / "g.yaml").notes == notes
    cell = "{arch: clip_rn50, dataset: imagenet, recipe: clip_student, seeds: 0, aug: none, rounds: 1, alpha: 0}"
    (tmp_path / "g.yaml").write_text(f"name: g\ncells: [{cell}]\n")
    assert read_grid(tmp_path / "g.yaml").notes == [
        "recipe clip_student is the paper's with tau: 1; this grid says otherwise"
    ]
