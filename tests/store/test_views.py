"""The SQL that the tables rest on, asked with plain sqlite3 and checked against numpy."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pytest
from synthetic import SyntheticRoot, chain

from sd.store.database import Database, open_database
from sd.store.record import find_records


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(str(tmp_path / "results.db"), create=True)


def test_mean_and_std_are_numpys_with_ddof_1(synthetic: SyntheticRoot, database: Database) -> None:
    scores = np.random.default_rng(0).normal(95, 0.3, size=(5, 2))
    traces = np.random.default_rng(1).normal(100, 30, size=5)
    for seed in range(5):
        (cell,) = chain(0, seed=seed)
        synthetic.train(cell, top1=float(scores[seed, 0]), last=float(scores[seed, 1]))
        synthetic.measure(cell, trace=float(traces[seed]), lambda_max=float(traces[seed] / 7))
    database.ingest(find_records(synthetic.root))
    rows = {row["checkpoint"]: row for row in database.rows("SELECT * FROM summary")}
    for column, name in enumerate(("best_test", "last")):
        assert rows[name]["n"] == 5
        assert rows[name]["mean"] == pytest.approx(scores[:, column].mean(), rel=1e-12)
        assert rows[name]["std"] == pytest.approx(scores[:, column].std(ddof=1), rel=1e-9)
    row = database.rows("SELECT * FROM curvature_summary WHERE checkpoint = 'last' AND split = 'train'")[0]
    assert row["trace_std"] == pytest.approx(traces.std(ddof=1)) and row["trace"] == pytest.approx(traces.mean())
    assert row["lambda_max_std"] == pytest.approx(traces.std(ddof=1) / 7)
    assert row["relative_trace_std"] == pytest.approx(traces.std(ddof=1) / 10)
    assert row["sharpness"] == 0.025 and row["sharpness_std"] == pytest.approx(0)


def test_one_seed_has_no_standard_deviation(synthetic: SyntheticRoot, database: Database) -> None:
    synthetic.train(chain(0)[0])
    database.ingest(find_records(synthetic.root))
    assert {row["std"] for row in database.rows("SELECT std FROM summary")} == {None}


def test_without_runs_the_papers_rows_are_there(database: Database) -> None:
    for name, rows in {"table1": 15, "table2": 18, "table3": 4, "table4": 4, "table5": 5}.items():
        found = database.rows(f"SELECT * FROM {name}")
        assert len(found) == rows
        assert all(row["protocol"] is None for row in found)


def test_a_measured_cell_stands_beside_its_published_row_under_its_own_protocol(
    synthetic: SyntheticRoot, database: Database
) -> None:
    """One epoch of the paper's recipe is not the paper's recipe; noisy labels and another τ are not its experiment."""
    for cell in [*chain(1, alpha=0.2, epochs=1), *chain(1, alpha=0.2)]:
        synthetic.train(cell, top1=50.0 + cell.recipe.epochs / 100)
    for cell in [*chain(1, alpha=0.2, label_noise=0.3), chain(1, alpha=0.2, tau=1.0)[1]]:
        synthetic.train(cell, top1=1.0)
    database.ingest(find_records(synthetic.root))
    rows = database.rows("SELECT * FROM table3 WHERE checkpoint = 'best_test' ORDER BY protocol")
    found = [(row["architecture"], row["data_aug"], row["protocol"], row["teacher"], row["r1"]) for row in rows]
    assert found == [
        ("ResNet20", "No", "appendix_a", 56.0, 56.0),
        ("ResNet20", "No", "appendix_a (epochs 1)", 50.01, 50.01),
    ]
    assert {row["published_teacher"] for row in rows} == {92.69}
    assert len(database.rows("SELECT * FROM table3")) == 3 + 2 * 2


def test_the_printed_numbers_are_the_papers(database: Database) -> None:
    """A few, as the paper prints them, and two facts of its tables."""
    first = database.rows("SELECT * FROM table2 ORDER BY 1")[0]
    printed = [first[f"published_{name}"] for name in ("teacher", "r1", "r2", "r3", "sam")]
    assert printed == [95.57, 95.80, 95.58, 95.62, 96.25]
    vit = database.rows("SELECT * FROM table2 WHERE architecture = 'ViT-S/32'")
    assert {(row["published_teacher"], row["published_teacher_std"]) for row in vit} == {(98.40, 0.00)}
    svhn = database.rows("SELECT * FROM published WHERE source = 'Table 4' AND metric = 'trace' ORDER BY \"row\"")
    assert [row["mean"] for row in svhn] == [197.53, 205.79, 98.62, 271.71]
    better = database.rows("SELECT published_r1 > published_teacher AS up FROM table2")
    assert [row["up"] for row in better].count(1) == 17


def test_all_66_printed_arrows_are_against_the_previous_round(database: Database) -> None:
    rows = database.rows("SELECT * FROM published WHERE source IN ('Table 2', 'Table 3')")
    value = {(row["source"], row["row"], row["model"]): row["mean"] for row in rows}
    before = {"R1": "T", "R2": "R1", "R3": "R2"}
    signs = {"up": 1, "down": -1, "same": 0}
    arrows = [row for row in rows if row["arrow"]]
    assert len(arrows) == 66
    for row in arrows:
        step = row["mean"] - value[row["source"], row["row"], before[row["model"]]]
        assert np.sign(round(step, 4)) == signs[row["arrow"]]


def test_the_plain_sqlite3_program_reads_the_tables(database: Database) -> None:
    program = shutil.which("sqlite3")
    if not program:
        pytest.skip("the sqlite3 program is not installed")
    for name, rows in (("table1", 15), ("table2", 18), ("table3", 4), ("summary", 0)):
        command = [program, database.shown, f"select * from {name}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert len(done.stdout.splitlines()) == rows


def test_every_view_begins_with_what_a_row_is() -> None:
    from sd import resource

    for path in [*resource("sql", "views").glob("*.sql"), *resource("sql", "summaries").glob("*.sql")]:
        assert path.read_text().startswith("-- A row is one "), path


def test_python_sqlite_reads_them_too(database: Database) -> None:
    with sqlite3.connect(database.shown) as connection:
        assert len(connection.execute("SELECT * FROM table2").fetchall()) == 18
