"""``teacher_stop_after``: a chain under a teacher that stopped early; and of which cells a block takes its measures."""

from pathlib import Path

import pytest

from sd.plan.cell import Cell
from sd.plan.grid import Grid, read_grid

GRID = """\
name: early
defaults: {dataset: digits, arch: resnet8, recipe: digits, seeds: [0, 1], rounds: 2, alpha: 0.5}
cells:
"""


def grid(folder: Path, *blocks: str) -> Grid:
    (folder / "g.yaml").write_text(GRID + "".join(f"  - {{{block}}}\n" for block in blocks))
    return read_grid(folder / "g.yaml")


def cells(folder: Path, *blocks: str) -> list[Cell]:
    return [cell for cell, _ in grid(folder, *blocks).cells]


def test_the_teacher_stops_early_and_its_students_do_not(tmp_path: Path) -> None:
    found = cells(tmp_path, "teacher_stop_after: 5")
    assert [cell.column for cell in found] == 2 * ["T", "R1(T@5)", "R2(T@5)"]
    assert [cell.recipe.trained_epochs for cell in found] == 2 * [5, 30, 30]
    assert [cell.recipe.epochs for cell in found] == 6 * [30]
    plain = cells(tmp_path, "rounds: 2")
    assert not {cell.key for cell in found} & {cell.key for cell in plain}


def test_a_list_makes_a_chain_under_each(tmp_path: Path) -> None:
    found = cells(tmp_path, "teacher_stop_after: [5, 10], teacher: sam, seeds: 0, rounds: 1, method: [permuted]")
    assert [cell.column for cell in found] == ["SAM", "SAM", "R1(SAM@5) permuted", "R1(SAM@10) permuted"]


def test_it_is_the_cell_that_a_recipe_of_its_own_makes(tmp_path: Path) -> None:
    early, student = cells(tmp_path, "teacher_stop_after: 5, seeds: 0, rounds: 1")
    same, _ = cells(tmp_path, "stop_after: 5, seeds: 0, rounds: 1")
    assert early == same and student.teacher == same


@pytest.mark.parametrize(
    ("more", "measured"),
    [
        ("", {"T": 4, "R1": 4, "E2": 0, "BAN2": 0}),
        (", measure_ensembles: curvature", {"T": 4, "R1": 4, "E2": 1, "BAN2": 2}),
        (", measure_ensembles: [curvature, landscape]", {"T": 4, "R1": 4, "E2": 2, "BAN2": 4}),
    ],
)
def test_what_costs_much_is_measured_of_ensembles_where_that_is_asked_for(
    more: str, measured: dict[str, int], tmp_path: Path
) -> None:
    found = grid(tmp_path, f"rounds: 1, ensembles: {{sizes: 2}}, ban: 2, measure: [curvature, landscape]{more}")
    steps = {cell.key: (cell, measures) for cell, measures in found.cells}.values()
    assert measured == {
        column: sum(len(measures) for cell, measures in steps if cell.column == column) for column in measured
    }


def test_what_costs_little_is_measured_of_ensembles_too_and_fidelity_of_students_alone(tmp_path: Path) -> None:
    found = grid(tmp_path, "ensembles: {sizes: 2}, teacher: ensemble, measure: [fidelity, robustness]")
    names = {cell.column: [measure.name for measure in measures] for cell, measures in found.cells}
    assert names == {
        "T": ["robustness"],
        "E2": ["robustness"],
        "R1(E2)": ["fidelity", "robustness"],
        "R2(E2)": ["fidelity", "robustness"],
    }
