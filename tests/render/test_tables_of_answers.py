"""A grid's report shows how well probabilities fit the labels, and how near students come to their teachers."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from synthetic import SyntheticRoot

from sd.plan.grid import read_grid
from sd.plan.measure import Fidelity
from sd.plan.schedule import Plan, plan
from sd.render.grid_tables import grid_tables
from sd.render.provenance.asked import Sources, why
from sd.render.table import Entry, Table
from sd.store.database import Database, open_database
from sd.store.progress import measure_record
from sd.store.record import cell_folder, find_records, write_record

GRID = """\
name: beside
defaults: {arch: resnet20, dataset: cifar10, recipe: appendix_a, seeds: [0, 1], measure: [fidelity]}
cells:
  - {rounds: 2, alpha: 0.5}
"""
FIDELITY = Fidelity()


@pytest.fixture
def study(synthetic: SyntheticRoot, tmp_path: Path) -> tuple[Plan, Database, SyntheticRoot]:
    (tmp_path / "grid.yaml").write_text(GRID)
    return plan([read_grid(tmp_path / "grid.yaml")]), open_database(str(tmp_path / "r.db"), create=True), synthetic


def measured(study: tuple[Plan, Database, SyntheticRoot]) -> None:
    """Train everything; measure each student at ``best_test``: raw distance 1 and 3, centred 1."""
    planned, database, root = study
    for cell in planned.cells:
        root.train(cell)
    for cell in (cell for cell in planned.cells if cell.round):
        rows = [
            {"cell_key": cell.key, "measure_key": FIDELITY.key, "checkpoint": "best_test", "split": split}
            | {"checkpoint_sha256": root.checkpoint_hash(cell, "best_test"), "teacher_sha256": "0" * 64}
            | {"n_samples": 50_000, "subset_sha256": "0" * 64, "mse": 1.0 + 2 * cell.seed, "mse_centred": 1.0}
            | {"agreement": 96.5 + cell.seed, "kl": 0.25, "kl_tau": 0.125, "student_top1": 90.0, "teacher_top1": 91.0}
            | {"seconds": 1.0, "attempt_id": "none"}
            for split in ("train", "test")
        ]
        write_record(measure_record(cell_folder(root.root, cell.key), FIDELITY), "fidelity", {"fidelity": rows})
    database.ingest(find_records(root.root))


def tables(study: tuple[Plan, Database, SyntheticRoot]) -> dict[str, Table]:
    found = grid_tables(study[0], study[1], checkpoint="best_test", fill="FILL")
    return {table.title.removeprefix("beside: "): table for table in found}


def test_students_stand_beside_their_teachers_with_mean_and_spread(study: tuple[Plan, Database, SyntheticRoot]) -> None:
    measured(study)
    for split in ("train", "test"):
        table = tables(study)[f"students beside their teachers on the {split} split"]
        assert table.headers[-6:] == ["Model", "MSE", "MSE, centred", "Agreement", "KL", "KL at τ"]
        entries = ["2.000 ± 1.414", "1.000 ± 0.000", "97.00 ± 0.71", "0.2500 ± 0.0000", "0.1250 ± 0.0000"]
        assert [row[-6:] for row in table.texts()] == [[f"Round {r} (α=0.5)", *entries] for r in (1, 2)]
        assert f"50,000 {split} images" in table.caption and not any("FILL" in note for note in table.notes)


def test_what_is_not_measured_is_a_dash_with_the_command(study: tuple[Plan, Database, SyntheticRoot]) -> None:
    table = tables(study)["students beside their teachers on the train split"]
    assert {text for row in table.texts() for text in row[-5:]} == {"—"}
    assert table.notes[-1] == "— is not measured yet; fill it with: FILL"
    assert "calibration on the test split" not in tables(study)


def test_calibration_of_every_model_and_scores_of_earlier_versions(study: tuple[Plan, Database, SyntheticRoot]) -> None:
    measured(study)
    table = tables(study)["calibration on the test split"]
    assert [row[-4:] for row in table.texts()] == [
        [name, "0.2500 ± 0.0000", "0.0100 ± 0.0000", "—"]  # the records that the fixture writes have no Brier score
        for name in ("Teacher", "Round 1 (α=0.5)", "Round 2 (α=0.5)")
    ]
    assert "did not take it yet" in table.notes[-1]
    with sa.create_engine(f"sqlite:///{study[1].shown}").begin() as connection:
        key = next(cell.key for cell in study[0].cells if cell.round == 2)
        connection.exec_driver_sql(f"UPDATE evaluations SET brier = 0.5 WHERE cell_key != '{key}'")
    table = tables(study)["calibration on the test split"]
    assert [row[-1] for row in table.texts()] == [*["0.5000 ± 0.0000"] * 2, "0.5000 (n=1)"]
    assert "did not take it yet" in table.notes[-1]
    sources = Sources(study[1], study[2].root, lambda name: (study[0], [study[2].root / "grid.yaml"]))
    answer = why("beside:ResNet20:CIFAR-10:0.5:R2:brier", sources)
    assert answer.missing == ("1 of 2 runs are there", "sd did not take it yet when the others were trained")
    with sa.create_engine(f"sqlite:///{study[1].shown}").begin() as connection:
        connection.exec_driver_sql("UPDATE evaluations SET brier = 0.5")
    table = tables(study)["calibration on the test split"]
    assert {row[-1] for row in table.texts()} == {"0.5000 ± 0.0000"} and len(table.notes) == 1


def test_a_measurement_of_an_earlier_training_is_not_shown(study: tuple[Plan, Database, SyntheticRoot]) -> None:
    measured(study)
    with sa.create_engine(f"sqlite:///{study[1].shown}").begin() as connection:
        connection.exec_driver_sql("UPDATE fidelity SET checkpoint_sha256 = 'another'")
    table = tables(study)["students beside their teachers on the train split"]
    assert {text for row in table.texts() for text in row[-5:]} == {"—"}


def test_each_number_leads_to_its_runs(study: tuple[Plan, Database, SyntheticRoot], tmp_path: Path) -> None:
    measured(study)
    with sa.create_engine(f"sqlite:///{study[1].shown}").begin() as connection:
        connection.exec_driver_sql("UPDATE evaluations SET brier = 0.5")
    found = [e for table in tables(study).values() for row in table.rows for e in row if isinstance(e, Entry)]
    assert all(entry.why for entry in found) and len(found) == 3 + 3 * 3 + 2 * 2 * 5
    sources = Sources(study[1], tmp_path, lambda name: (study[0], [tmp_path / "grid.yaml"]))
    for entry in found:
        answer = why(entry.why, sources)
        assert (answer.mean, answer.std, answer.n) == (entry.mean, pytest.approx(entry.std), 2)
        for query in answer.queries[:1]:
            assert [row for row in study[1].rows(query.sql) if row["seed"] == 0]
