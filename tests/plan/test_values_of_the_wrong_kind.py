"""A value of the wrong kind, whatever the key and whatever the kind, is one line at its place and never a traceback."""

import re
from pathlib import Path

import pytest

from sd import BadInput
from sd.plan.grid import Block, Resources, read_grid
from sd.plan.measure import MEASURES
from sd.plan.recipe import Recipe

GRID = """\
name: g
cells:
  - aug: none
    arch: resnet8
    dataset: digits
    recipe: digits
    seeds: 0
resources:
  default:
    gpus: 1
"""
# What each key takes; everything else is wrong.
NAMES = {"arch", "dataset", "recipe", "aug", "measure", "teacher_checkpoint", "schedule", "precision"}
NAMES |= {"teacher", "method", "tier"}
SWITCHES = {"sam", "nesterov"}
MAPPINGS = {"ensembles", *MEASURES}
NULLABLE = {"clip_norm", "gamma", "sam_rho", "ema_decay", "cutout_length"}  # null is how an option is turned off
NULLABLE |= {"stop_after"}

KINDS = {
    "a word": "wrong",
    "an empty word": "''",
    "a list in a list": "[[wrong]]",
    "a mapping": "{wrong: 3}",
    "a mapping in a list": "[{wrong: 3}]",
    "a date": "2026-01-01",
    "bytes": "!!binary aGVsbG8=",
    "a set": "!!set {wrong}",
    "a number": "3",
    "a number with a fraction": "-1.5",
    "not a number": ".nan",
    "infinity": "-.inf",
    "true": "true",
    "nothing": "",
}


def takes(key: str, kind: str) -> bool:
    if key in SWITCHES:
        return kind == "true"
    if key in NAMES or key in MAPPINGS:
        return False
    return kind == "a number" and key not in {"label_noise", "alpha", "momentum", "gamma", "milestones"}


CASES = [
    (key, kind)
    for key in {**Block.model_fields, **Recipe.model_fields}
    for kind in KINDS
    if not takes(key, kind) and not (key in NULLABLE and kind == "nothing")
]


def mistakes(folder: Path, text: str) -> list[str]:
    """What is told about a grid, each line without its file."""
    path = folder / "grid.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as raised:
        read_grid(path)
    lines = str(raised.value).split("\n")
    assert all(line.startswith(f"{path}:") for line in lines), lines
    return [line.removeprefix(f"{path}:") for line in lines]


@pytest.mark.parametrize(("key", "kind"), CASES, ids=lambda value: str(value).replace(" ", "-"))
def test_a_wrong_value_is_one_line_that_names_it(key: str, kind: str, tmp_path: Path) -> None:
    grid = re.sub(rf"^    {key}: .*\n", "", GRID.replace("aug: none\n    " * (key == "aug"), ""), flags=re.MULTILINE)
    grid = grid.replace("resources:", f"    {key}: {KINDS[kind]}\nresources:")
    needs = {"alpha": "    rounds: 1\n", "rounds": "    alpha: 0.5\n"}.get(key, "")
    grid = grid.replace("resources:", f"{needs}resources:")
    line = grid[: grid.index(f" {key}:")].count("\n") + 1
    found = mistakes(tmp_path, grid)
    assert len(found) == 1 and found[0].startswith(f"{line}: {key}"), found


WORDS = ("partition", "account", "qos", "constraint")
OF_RESOURCES = [
    (key, value)
    for key in Resources.model_fields
    for value in ("wrong", "[1]", "{a: 1}", "-1", ".nan", ".inf", "true", "2026-01-01", "two words")
    if (key, value) not in {*((word, "wrong") for word in WORDS), ("sbatch", "{a: 1}")}
]


@pytest.mark.parametrize(("key", "value"), OF_RESOURCES)
def test_a_wrong_resource_is_one_line_that_names_it(key: str, value: str, tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, GRID.replace("    gpus: 1", f"    {key}: {value}"))
    assert found.startswith(f"10: resources.default.{key}: ")


OF_CURVATURE = [
    *(
        (key, value)
        for key in ("samples", "probes", "steps", "top", "runs")
        for value in ("wrong", "0", "1.5", "true", "[5]", "")
    ),
    ("probes", "1"),
    ("checkpoints", "[]"),
    ("checkpoints", "best_test"),
    ("checkpoints", "[best]"),
    ("checkpoints", "[last, last]"),
    ("splits", "[train, train]"),
    ("splits", "[validation]"),
    ("name", "spectrum"),
    *(("trace_error", value) for value in ("wrong", "-0.1", "1", "true", ".nan")),
    *(("rho", value) for value in ("wrong", "0", "-1", "true", ".inf")),
    ("backend", "curvlinops"),
]
OF_LANDSCAPE = [
    *((key, value) for key in ("samples", "points") for value in ("wrong", "0", "1.5", "true", "[5]", "")),
    *(("span", value) for value in ("wrong", "0", "-1", "true", ".inf")),
    *(("seeds", value) for value in ("0", "[]", "[1, 1]", "[-1]", "[true]")),
    ("points", "1002"),
    ("directions", "pca"),
    ("normalise", "layer"),
    ("statistics", "none"),
    ("checkpoints", "[last, last]"),
    ("splits", "[]"),
    ("name", "surface"),
]
OF_FIDELITY = [
    *(("samples", value) for value in ("wrong", "0", "1.5", "true", "[5]")),
    ("checkpoints", "best_test"),
    ("splits", "[train, train]"),
    ("name", "agreement"),
]
OF_ROBUSTNESS = [
    *((key, value) for key in ("samples", "seed") for value in ("wrong", "1.5", "true", "[5]", "-1")),
    *(("shifts", value) for value in ("gaussian_noise", "[]", "[snow]", "[1]", "[corruptions, jpeg_compression]")),
    *(("severities", value) for value in ("3", "[]", "[0]", "[6]", "[true]", "[1, 1]")),
    ("checkpoints", "[first]"),
    ("splits", "[train]"),
    ("name", "shift"),
]
OF_MEASURES = [
    *(("curvature", key, value) for key, value in OF_CURVATURE),
    *(("landscape", key, value) for key, value in OF_LANDSCAPE),
    *(("fidelity", key, value) for key, value in OF_FIDELITY),
    *(("robustness", key, value) for key, value in OF_ROBUSTNESS),
]


@pytest.mark.parametrize("name", MEASURES)
def test_settings_of_the_measures_are_all_tried(name: str) -> None:
    tried = {key for measure, key, _ in OF_MEASURES if measure == name}
    assert tried == {*MEASURES[name].model_fields, "name"}


@pytest.mark.parametrize(("measure", "key", "value"), OF_MEASURES)
def test_a_wrong_setting_of_a_measure_is_one_line_that_names_it(
    measure: str, key: str, value: str, tmp_path: Path
) -> None:
    """A checkpoint given twice would be measured twice, and its record would never fit the database."""
    measured = f"    measure: {measure}\n    {measure}:\n      {key}: {value}\n"
    (found,) = mistakes(tmp_path, GRID.replace("resources:", f"{measured}resources:"))
    assert found.startswith(f"10: {measure}.{key}: ")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("fidelity: {checkpoints: last}", "'last' should be a list: [last]"),
        ("robustness: {shifts: {a: 1}}", "{'a': 1} should be a list"),
        ("fidelity: 5", "fidelity: 5 should be a mapping of its settings"),
        ("ensembles: 5", "ensembles: 5 should be a mapping of its settings"),
        ("ensembles: {members: [[0, 1]]}", "ensembles: members need sizes; add sizes: [2]"),
        ("curvature: {top: 100}", "steps 60 cannot find the top 100 eigenvalues"),
        ("landscape: {directions: teacher, seeds: [1, 2]}", "seeds are of random directions"),
        (
            "measure: robustness\n    robustness: {shifts: [imagenetv2]}",
            "imagenetv2 is for cells of imagenet, of which there are none here",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_one_line(settings: str, said: str, tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, GRID.replace("resources:", f"    {settings}\nresources:"))
    assert said in found


@pytest.mark.parametrize("value", ["[true]", "[1.5]", "[-5]", "[0]", "[20, 10]", "[10, 10]", "[a]", "[[10], [10]]"])
def test_milestones_are_epochs_in_rising_order(value: str, tmp_path: Path) -> None:
    """Epochs in another order would be the same training under another key."""
    steps = f"    schedule: step\n    gamma: 0.1\n    milestones: {value}\n"
    (found,) = mistakes(tmp_path, GRID.replace("resources:", f"{steps}resources:"))
    assert found.startswith("10: milestones: ")


TOP = [
    ("name: g", "name: ", "1: name: None"),
    ("name: g", "name: a b", "1: name: 'a b'"),
    ("name: g", "name: [g]", "1: name: ['g']"),
    ("name: g", "name: g\ndefaults: ", "2: defaults: None"),
    ("name: g", "name: g\ndefaults: [1]", "2: defaults: [1]"),
    ("name: g", "name: g\ndefault: {}", "2: default: is not a known key; did you mean 'defaults'?"),
    ("  default:\n    gpus: 1", "  default: 3", "9: resources.default: 3"),
    ("  default:\n    gpus: 1", "  default: ", "9: resources.default: None"),
    ("  default:\n    gpus: 1", "  [1]", "9: is not YAML"),
    ("  default:\n    gpus: 1", "  resnet9: {gpus: 1}", "9: resources: 'resnet9' is not an architecture; did you mean"),
]


@pytest.mark.parametrize(("right", "wrong", "text"), TOP)
def test_the_frame_of_a_grid_is_checked_too(right: str, wrong: str, text: str, tmp_path: Path) -> None:
    assert right in GRID
    (found,) = mistakes(tmp_path, GRID.replace(right, wrong))
    assert found.startswith(text) or text == "9: is not YAML", found


@pytest.mark.parametrize("key", ["1", "1.5", "true", "null", "2026-01-01", "!!binary aGVsbG8="])
@pytest.mark.parametrize("place", ["cells", "defaults", "resources", "top"])
def test_a_key_that_is_no_word_is_one_line(key: str, place: str, tmp_path: Path) -> None:
    where = {
        "cells": ("    seeds: 0", f"    seeds: 0\n    {key}: 3"),
        "defaults": ("cells:", f"defaults:\n  {key}: 3\ncells:"),
        "resources": ("  default:", f"  {key}: {{gpus: 2}}\n  default:"),
        "top": ("name: g", f"name: g\n{key}: 3"),
    }
    (found,) = mistakes(tmp_path, GRID.replace(*where[place]))
    assert int(found.split(":")[0]) > 1 and "Traceback" not in found


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("    seeds: 0", '    "se\\neds": 0\n    seeds: 0'),
        ("    gpus: 1", '    "gp\\nus": 1'),
        ("name: g", '"na\\nme": g\nname: g'),
        ("name: g", '"a\\nb": g\n"a\\nb": g\nname: g'),
        ("    seeds: 0", '    seeds: 0\n    schedule: ["a\\nb", "a\\nb"]'),
        ("arch: resnet8", 'arch: "resnet\\n8"'),
    ],
)
def test_a_line_break_in_the_file_is_no_line_break_in_the_message(right: str, wrong: str, tmp_path: Path) -> None:
    assert right in GRID
    mistakes(tmp_path, GRID.replace(right, wrong))


def test_two_seeds_of_one_ensemble_are_one_line(tmp_path: Path) -> None:
    """They would be counted as two replicates."""
    settings = "ensembles: {sizes: 2, members: [[0, 1, 2], [1, 0, 3]]}"
    (found,) = mistakes(
        tmp_path, GRID.replace("seeds: 0", "seeds: [0, 1]").replace("resources:", f"    {settings}\nresources:")
    )
    assert "ensembles: two seeds have the same 2 members, which are one ensemble; give others" in found
