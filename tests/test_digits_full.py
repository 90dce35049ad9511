"""A slice of ``jobs/digits_full.yaml``, end to end: every experiment and measure, every table of the database."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sd import resource
from sd.plan.grid import read_grid
from sd.plan.measure import MEASURES
from sd.plan.schedule import plan
from sd.store.database import Database, open_database
from sd.store.schema import Base

# Of what another training found, and of models that others published.
NOT_OF_A_STUDY = {"discrepancies", "testbeds"}


def small(grid: dict[str, Any]) -> dict[str, Any]:
    """The same grid with two epochs, two seeds, and few points of everything."""
    grid["defaults"] |= {
        "epochs": 2,
        "seeds": [0, 1],
        "curvature": {"samples": 50, "steps": 8, "top": 3, "checkpoints": ["best_test"], "splits": ["train"]},
        "robustness": {"severities": [1], "shifts": ["gaussian_noise", "contrast"]},
    }
    for block in grid["cells"]:
        if block.get("measure") == ["landscape"]:
            block["landscape"] = block.get("landscape", {}) | {"samples": 50, "points": 3}
        block.pop("curvature", None)
        if "ensembles" in block:
            block["ensembles"] = {"sizes": 2}
        if "teacher_stop_after" in block:
            block["teacher_stop_after"] = 1
    return grid


def sd(folder: Path, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"sd.{verb}", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1200, env=environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the slice has been run."""
    place = tmp_path_factory.mktemp("digits_full")
    grid = small(yaml.safe_load(resource("jobs", "digits_full.yaml").read_text()))
    (place / "slice.yaml").write_text(yaml.safe_dump(grid))
    done = sd(place, "launch", "slice.yaml", "--local")
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def database(folder: Path) -> Database:
    return open_database(str(folder / "results.db"))


def test_the_grid_names_every_measure_method_and_kind_of_model() -> None:
    steps = plan([read_grid(resource("jobs", "digits_full.yaml"))]).steps.values()
    assert {measure.name for step in steps for measure in step.measures} == set(MEASURES)
    assert {step.cell.method for step in steps} == {"distillation", "label_smoothing", "permuted", "annealed"}
    assert {step.cell.column for step in steps} == {
        *("T", "R1", "R2", "R3", "SAM", "E2", "E3", "BAN2", "BAN3", "BAN4"),
        *("R1(E2)", "R1(E3)", "R1(SAM)", "R1(T@10)", "R1 label_smoothing", "R1 permuted", "R1 annealed"),
    }


@pytest.mark.parametrize("table", sorted({*Base.metadata.tables} - NOT_OF_A_STUDY))
def test_every_table_of_the_database_has_rows(table: str, database: Database) -> None:
    assert database.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"]


def test_every_cell_is_calibrated_and_every_student_stands_beside_its_teacher(database: Database) -> None:
    assert not database.rows("SELECT * FROM evaluations WHERE brier IS NULL OR ece IS NULL")
    students = "SELECT key FROM cells WHERE teacher_key IS NOT NULL AND origin = 'trained'"
    measured = database.rows(f"SELECT DISTINCT cell_key FROM fidelity WHERE cell_key IN ({students})")
    assert len(measured) == len(database.rows(students)) > 20
    named = "f.teacher_sha256 = k.sha256 AND k.cell_key = s.teacher_key AND k.checkpoint = s.teacher_checkpoint"
    query = f"SELECT COUNT(*) AS n FROM fidelity f JOIN cells s ON s.key = f.cell_key JOIN checkpoints k ON {named}"
    assert database.rows(query)[0]["n"] == database.rows("SELECT COUNT(*) AS n FROM fidelity")[0]["n"]


def test_the_claim_on_fidelity_is_judged_by_these_rows(database: Database) -> None:
    rows = database.rows("SELECT * FROM claims_c5 WHERE round IN (1, 2, 3) AND split = 'train'")
    assert {row["round"] for row in rows} == {1, 2, 3}
    assert all(0 < row["mse_centred"] <= row["mse"] for row in rows)


REPORTS = [
    *(("slice.yaml", "--checkpoint", "both", "--format", format_) for format_ in ("md", "tex", "html", "csv")),
    ("slice.yaml", "--cost"),
    ("slice.yaml", "--missing"),
    ("slice.yaml", "--claims"),
    ("--table", "all"),
    ("--figure", "all", "--out", "figures"),
]


@pytest.mark.parametrize("arguments", REPORTS, ids=" ".join)
def test_every_report_renders(arguments: tuple[str, ...], folder: Path) -> None:
    done = sd(folder, "report", *arguments)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert done.stdout.strip()
    if arguments == REPORTS[0]:
        shown = [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("**")]
        assert {"test accuracy**", "calibration on the test split**", "curvature on the train split**"} <= set(shown)
        assert {f"students beside their teachers on the {split} split**" for split in ("train", "test")} <= set(shown)


def test_nothing_is_left_to_do(folder: Path) -> None:
    assert ", 0 to run" in sd(folder, "launch", "slice.yaml", "--local").stdout
