"""A grid may include others: their cells come along, their mistakes are told with their own places."""

from pathlib import Path

import pytest

from sd import BadInput
from sd.plan.grid import read_grid
from sd.plan.schedule import plan

ONE = """\
name: one
defaults: {dataset: digits, arch: resnet8, recipe: digits}
cells:
  - {seeds: [0, 1]}
  - {seeds: [2], tier: full}
resources: {default: {hours: 2, cpus: 3}}
"""


def mistakes(path: Path) -> list[str]:
    with pytest.raises(BadInput) as raised:
        read_grid(path)
    return str(raised.value).split("\n")


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_its_cells_come_along_once_with_its_own_defaults_and_tiers(tmp_path: Path) -> None:
    write(tmp_path, "one.yaml", ONE)
    both = write(tmp_path, "both.yaml", "name: both\ninclude: [one.yaml, one.yaml]\n")
    assert [cell.seed for cell in plan([read_grid(both)]).cells] == [0, 1, 2]
    assert [cell.seed for cell in plan([read_grid(both, minimal=True)]).cells] == [0, 1]


def test_what_the_including_grid_asks_for_wins(tmp_path: Path) -> None:
    write(tmp_path, "one.yaml", ONE)
    outer = write(tmp_path, "outer.yaml", "name: o\ninclude: one.yaml\nresources: {default: {hours: 5}}\n")
    for step in plan([read_grid(outer)]).steps.values():
        assert (step.resources.hours, step.resources.cpus) == (5, 3)


def test_a_mistake_in_an_included_grid_is_told_once_at_its_own_place(tmp_path: Path) -> None:
    one = write(tmp_path, "one.yaml", ONE.replace("seeds: [0, 1]", "seeds: [-1]"))
    both = write(tmp_path, "both.yaml", "name: both\ninclude:\n  - one.yaml\n  - one.yaml\n")
    (line,) = mistakes(both)
    assert line.startswith(f"{one}:4: seeds")


def test_a_circle_is_told_and_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "name: a\ninclude: b.yaml\n")
    b = write(tmp_path, "b.yaml", "name: b\ninclude: a.yaml\n")
    (line,) = mistakes(tmp_path / "a.yaml")
    assert line.startswith(f"{b}:2: include: a.yaml includes this file itself")


@pytest.mark.parametrize("name", ["none.yaml", ".", '"two\\nlines"', '"nul\\0"', "x" * 5000])
def test_a_name_that_is_no_file_is_one_line(name: str, tmp_path: Path) -> None:
    (line,) = mistakes(write(tmp_path, "a.yaml", f"name: a\ninclude: [{name}]\n"))
    assert line.startswith(f"{tmp_path / 'a.yaml'}:2: include: ") and "is no file beside this grid" in line
