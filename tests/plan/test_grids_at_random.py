"""Real grids with random edits are read or refused in lines; anything else would be a traceback in a user's face.

Two kinds of edit: of the data (values of any kind, keys that are not there, things left out), which gets past YAML and
into the checks of every field; and of the text, letter by letter, which gets into YAML itself.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sd import BadInput, resource
from sd.plan.catalogue import ARCHITECTURES, DATASETS
from sd.plan.grid import Block, read_grid
from sd.plan.recipe import Recipe
from sd.plan.schedule import plan

TEXTS = [path.read_text(encoding="utf-8") for path in sorted(resource("jobs").glob("*.yaml"))]
TEXTS.append("""\
name: g
defaults: {dataset: digits, seeds: [0, 1], recipe: digits, rounds: 2, alpha: [0.2, 0.5], sam: true}
cells:
  - {arch: [resnet8, resnet20], aug: none, measure: [curvature], curvature: {probes: 3, checkpoints: [last]}}
  - {arch: resnet18, label_noise: 0.3, schedule: step, milestones: [3], gamma: 0.1, epochs: [5, 6]}
resources:
  default: {gpus: 1, hours: 2.5}
""")

KNOWN = [
    *Block.model_fields,
    *Recipe.model_fields,
    "name",
    "defaults",
    "cells",
    "resources",
    "default",
    "probes",
    "hours",
]
WORDS = st.sampled_from([*ARCHITECTURES, *DATASETS, "digits", "last", "cosine", "step", "fp32", "none", "1e-3", "1:30"])
KEYS = st.one_of(st.sampled_from(KNOWN), st.text(max_size=3), st.integers(), st.none(), st.booleans(), st.dates())
SCALARS = st.one_of(
    WORDS, st.none(), st.booleans(), st.integers(), st.integers(-2, 3), st.floats(), st.text(max_size=5), st.dates()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=5
)


def containers(data: Any) -> Iterator[Any]:
    if isinstance(data, dict | list):
        yield data
        for inner in data.values() if isinstance(data, dict) else data:
            yield from containers(inner)


@st.composite
def edited(draw: st.DrawFn) -> Any:
    """A real grid in which up to three things were set, added or left out."""
    grid = copy.deepcopy(yaml.safe_load(draw(st.sampled_from(TEXTS))))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(containers(grid))))
        there = list(place) if isinstance(place, dict) else list(range(len(place)))
        edit = draw(st.sampled_from(["set", "leave out", "add"])) if there else "add"
        if edit == "add" and isinstance(place, list):
            place.append(draw(VALUES))
        elif edit == "add":
            place[draw(KEYS)] = draw(VALUES)
        elif edit == "set":
            place[draw(st.sampled_from(there))] = draw(VALUES)
        else:
            del place[draw(st.sampled_from(there))]
    return grid


def check(path: Path) -> None:
    try:
        grid = read_grid(path)
    except BadInput as error:
        told = str(error).splitlines()
        assert told and all(line.startswith(str(path)) for line in told), told
        assert told == sorted(set(told), key=told.index), "the same mistake told twice"
    else:
        study = plan([grid])
        seen: set[str] = set()
        for cell in study.cells:
            assert {parent.key for parent in cell.parents} <= seen
            taught = cell.way.teacher is not None
            assert (cell.alpha is not None) == (cell.tau is not None) == (cell.round > 0) == taught
            assert type(cell).from_json(cell.to_json()) == cell
            seen.add(cell.key)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grid=edited())
def test_edited_data_is_read_or_refused_in_lines(grid: Any, tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump(grid, allow_unicode=True), encoding="utf-8", errors="replace")
    check(path)


LETTERS = st.text(alphabet="[]{}:,-?&*!|>'\"%@`#~<= \n\tae01.é\x00\ufeff\u2028", max_size=4)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.sampled_from(TEXTS), edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), LETTERS), max_size=3))
@example(text="", edits=[])
@example(text="name: x\ncells: [{arch: resnet8, arch: resnet8}]", edits=[])
def test_edited_text_is_read_or_refused_in_lines(
    text: str, edits: list[tuple[float, int, str]], tmp_path: Path
) -> None:
    for place, length, letters in edits:
        at = int(place * len(text))
        text = text[:at] + letters + text[at + length :]
    path = tmp_path / "grid.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    check(path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_random_bytes_are_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_bytes(content)
    with pytest.raises(BadInput) as raised:
        read_grid(path)
    assert str(raised.value).startswith(str(path))
