"""A plan has each cell once, teachers first, and knows who depends on whom."""

from pathlib import Path

import pytest

from sd.plan.cell import Cell
from sd.plan.cost import estimate, petaflop
from sd.plan.grid import read_grid
from sd.plan.recipe import RECIPES
from sd.plan.schedule import Plan, Step, plan

GRID = """\
name: g
defaults: {dataset: cifar10, seeds: [0, 1], recipe: appendix_a, rounds: 3, sam: true}
cells:
  - {arch: resnet20, alpha: [0.2, 0.5], measure: [curvature]}
  - {arch: resnet20, alpha: [0.5, 0.8], measure: [curvature], curvature: {probes: 7}}
"""


@pytest.fixture
def study(tmp_path: Path) -> Plan:
    (tmp_path / "g.yaml").write_text(GRID)
    return plan([read_grid(tmp_path / "g.yaml")])


def test_every_cell_is_there_once_and_after_its_teacher(study: Plan) -> None:
    assert len(study.steps) == 2 * (2 + 3 * 3)
    seen: set[str] = set()
    for cell in study.cells:
        assert cell.teacher is None or cell.teacher.key in seen
        seen.add(cell.key)


def test_a_cell_of_two_blocks_gets_the_measures_of_both(study: Plan) -> None:
    probes = {cell.alpha: sorted(m.probes for m in study.steps[cell.key].measures) for cell in study.cells}
    assert probes == {None: [7, 100], 0.2: [100], 0.5: [7, 100], 0.8: [7]}


def test_descendants_are_all_that_cannot_be_trained_without_a_cell(study: Plan) -> None:
    teacher = study.cells[0]
    below = {study.steps[key].cell for key in study.descendants(teacher.key)}
    assert len(below) == 9
    assert all(teacher in cell.lineage for cell in below)


def find(study: Plan, column: str) -> Cell:
    return next(c for c in study.cells if c.column == column and c.seed == 0 and c.alpha in (None, 0.5))


def test_a_missing_student_needs_its_untrained_ancestors_only(study: Plan) -> None:
    t, r1, r2, r3 = (find(study, name).key for name in ("T", "R1", "R2", "R3"))
    assert study.needed(missing={r3}, untrained={t, r1, r2, r3}) == {t, r1, r2, r3}
    assert study.needed(missing={r3}, untrained={t, r1, r3}) == {r3}
    assert study.needed(missing={r3}, untrained={t, r2, r3}) == {r2, r3}
    assert study.needed(missing=set(), untrained={t, r1, r2, r3}) == set()


def test_a_missing_measure_of_a_trained_cell_needs_no_teacher(study: Plan) -> None:
    t, r1 = find(study, "T").key, find(study, "R1").key
    assert study.needed(missing={r1}, untrained={t}) == {r1}


def test_cost_is_that_of_spec_section_5() -> None:
    """ResNet18, CIFAR, 600 epochs: 99.972 PFLOP and 0.278 h for a teacher, 133.296 for a student, twice T for SAM."""
    recipe = RECIPES["appendix_a"]
    teacher = Cell("resnet18", "cifar10", "std", 0.0, "appendix_a", recipe, "sgd", 0, 0)
    student = Cell("resnet18", "cifar10", "std", 0.0, "appendix_a", recipe, "sgd", 1, 0, 0.5, 4.0, "best_test", teacher)
    sam = Cell("resnet18", "cifar10", "std", 0.0, "appendix_a", recipe, "sam", 0, 0)
    assert petaflop(teacher) == pytest.approx(99.972, abs=0.001)
    assert petaflop(student) == pytest.approx(133.296, abs=0.001)
    assert petaflop(sam) == pytest.approx(2 * 99.972, abs=0.001)
    assert estimate([Step(teacher)], {teacher.key: "cuda"}, {}).hours("cuda") == pytest.approx(0.278, abs=0.001)
