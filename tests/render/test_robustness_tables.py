"""The table that answers whether a student inherits its teacher's robustness, against numbers counted by hand."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from synthetic import SyntheticRoot, chain

from sd.plan.cell import Cell
from sd.plan.grid import read_grid
from sd.plan.measure import Robustness
from sd.plan.schedule import Plan, plan
from sd.plan.shifts import CORRUPTIONS, FAMILIES
from sd.render.robustness_tables import robustness_tables
from sd.render.table import Table
from sd.store.database import Database, open_database
from sd.store.progress import measure_record
from sd.store.record import cell_folder, find_records, write_record

GRID = """
name: shifted
defaults: {arch: resnet20, dataset: cifar10, recipe: appendix_a, seeds: [0, 1], rounds: 1, alpha: 0.5}
cells:
  - {measure: robustness, robustness: {shifts: [gaussian_noise, contrast, cifar10.1], severities: [1, 2]}}
"""

SHIFTS = [("none", 0), *((name, at) for name in ("gaussian_noise", "contrast") for at in (1, 2)), ("cifar10.1", 0)]


def measured(root: SyntheticRoot, cell: Cell, measure: Robustness, top1: list[float]) -> None:
    """A record that claims these accuracies, in the order of :data:`SHIFTS`."""
    row: dict[str, Any] = {"cell_key": cell.key, "measure_key": measure.key, "checkpoint": "best_test", "split": "test"}
    row |= {"checkpoint_sha256": root.checkpoint_hash(cell, "best_test"), "n_samples": 100, "subset_sha256": "0"}
    row |= {"images_sha256": "0", "loss": 1.0, "ece": 0.1, "brier": 0.5, "seconds": 1.0, "attempt_id": "none"}
    rows = [
        row | {"shift": shift, "severity": at, "top1": value} for (shift, at), value in zip(SHIFTS, top1, strict=True)
    ]
    rows[-1] |= {"n_samples": 2000}  # CIFAR-10.1 is a test set of its own
    write_record(measure_record(cell_folder(root.root, cell.key), measure), "robustness", {"robustness": rows})


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    (tmp_path / "shifted.yaml").write_text(GRID)
    return plan([read_grid(tmp_path / "shifted.yaml")])


@pytest.fixture
def database(synthetic: SyntheticRoot, planned: Plan, tmp_path: Path) -> Database:
    (measure,) = next(iter(planned.steps.values())).measures
    assert isinstance(measure, Robustness)
    for seed in (0, 1):
        teacher, student = chain(seed=seed)
        assert {teacher.key, student.key} <= planned.steps.keys()
        synthetic.train(teacher)
        synthetic.train(student)
        measured(synthetic, teacher, measure, [90.0, 80.0, 60.0, 70.0, 50.0, 80.0])
        measured(synthetic, student, measure, [92.0 + seed, 85.0, 65.0, 60.0, 40.0, 81.0])
    found = open_database(str(tmp_path / "results.db"), create=True)
    assert found.ingest(find_records(synthetic.root)).refused == []
    return found


def columns(table: Table, row: int) -> dict[str, str]:
    return dict(zip(table.headers, table.texts()[row], strict=True))


def test_student_and_teacher_side_by_side(planned: Plan, database: Database) -> None:
    """Student: errors 15 and 35 (25 on average) of the teacher's 20 and 40 (30), and 40 and 60 (50) of 30 and 50 (40):
    the mean of 83.33 % and 125 %."""
    (table,) = robustness_tables(planned, database, checkpoint="best_test", fill="")
    teacher, student = columns(table, 0), columns(table, 1)
    assert teacher["Model"] == "Teacher" and student["Model"] == "Round 1 (α=0.5)"
    assert [teacher[name] for name in ("Clean", "Corrupted", "Noise", "Digital", "Blur")] == [
        *("90.00 ± 0.00", "65.00 ± 0.00", "70.00 ± 0.00", "60.00 ± 0.00", "—")
    ]
    assert (teacher["Gap"], teacher["Gap − teacher's"], teacher["Error, % of teacher's"]) == ("25.00 ± 0.00", "", "")
    assert (student["Corrupted"], student["Gap"]) == ("62.50 ± 0.00", "30.00 ± 0.71")
    assert (student["Gap − teacher's"], student["Error, % of teacher's"]) == ("+5.00 ± 0.71", "104.17 ± 0.00")
    assert (student["CIFAR-10.1"], student["CIFAR-10.1 gap"]) == ("81.00 ± 0.00", "11.50 ± 0.71")
    assert "Effective robustness" not in table.headers
    assert table.notes[0] == "Clean is the accuracy on the 100 test images that the shifts are of."
    assert not robustness_tables(planned, database, checkpoint="last", fill="")


def test_effective_robustness_where_a_testbed_is_known(planned: Plan, database: Database) -> None:
    """The line y = x: what is lost on CIFAR-10.1 is lost against the line."""
    with sa.create_engine(f"sqlite:///{database.shown}").begin() as connection:
        for x in (70.0, 80.0, 95.0):
            connection.exec_driver_sql(f"INSERT INTO testbeds VALUES ('cifar10.1', 'm{x}', 'standard', {x}, {x}, '0')")
    (table,) = robustness_tables(planned, database, checkpoint="best_test", fill="")
    assert columns(table, 0)["Effective robustness"] == "−10.00 ± 0.00"
    assert columns(table, 1)["Effective robustness"] == "−11.50 ± 0.71"


def test_a_shift_without_the_clean_score_beside_it_is_a_row_with_gaps(planned: Plan, database: Database) -> None:
    with sa.create_engine(f"sqlite:///{database.shown}").begin() as connection:
        connection.exec_driver_sql("DELETE FROM robustness WHERE shift = 'none'")
        for x in (70.0, 80.0, 95.0):
            connection.exec_driver_sql(f"INSERT INTO testbeds VALUES ('cifar10.1', 'm{x}', 'standard', {x}, {x}, '0')")
    (table,) = robustness_tables(planned, database, checkpoint="best_test", fill="")
    teacher = columns(table, 0)
    assert (teacher["Clean"], teacher["CIFAR-10.1"], teacher["Effective robustness"]) == ("—", "80.00 ± 0.00", "—")


def test_the_view_knows_the_family_of_every_corruption(
    synthetic: SyntheticRoot, database: Database, planned: Plan
) -> None:
    (measure,) = next(iter(planned.steps.values())).measures
    teacher, _ = chain()
    copied = "SELECT * FROM robustness WHERE shift = 'none' AND cell_key = :key"
    (row,) = database.rows(copied, key=teacher.key)
    rows = [row | {"shift": name, "severity": 1} for name in CORRUPTIONS]
    write_record(
        measure_record(cell_folder(synthetic.root, teacher.key), measure), "robustness", {"robustness": [row, *rows]}
    )
    assert database.ingest(find_records(synthetic.root)).new == 1
    found = database.rows("SELECT shift, family FROM robustness_outcomes WHERE key = :key", key=teacher.key)
    families = {name: family for family, names in FAMILIES.items() for name in names}
    assert {row["shift"]: row["family"] for row in found} == {"none": None, **families}


def test_what_is_not_measured_yet_is_said(planned: Plan, tmp_path: Path) -> None:
    empty = open_database(str(tmp_path / "empty.db"), create=True)
    (table,) = robustness_tables(planned, empty, checkpoint="best_test", fill="sd.launch it")
    assert table.texts()[0][-1] == "—" and table.notes == ["— is not measured yet; fill it with: sd.launch it"]
