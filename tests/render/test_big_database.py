"""The benchmark's made-up database fits the schema, and reports find the shape of the paper's experiments in it."""

import sys
from pathlib import Path

import pytest

from sd.render.paper_tables import TITLES, paper_table
from sd.render.table import Entry
from sd.store.database import Database, open_database


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
    import big_database

    path = tmp_path_factory.mktemp("big") / "results.db"
    assert big_database.make(path, cells=500, epochs=2) == 500
    return open_database(str(path))


def test_it_is_sound_and_as_large_as_asked_for(database: Database) -> None:
    assert database.rows("SELECT COUNT(*) AS n FROM cells")[0]["n"] == 500
    trained = database.rows("SELECT COUNT(*) AS n FROM cells WHERE origin = 'trained'")[0]["n"]
    assert database.rows("SELECT COUNT(*) AS n FROM epochs")[0]["n"] == 2 * trained
    for table in ("attempts", "curvature", "spectra", "landscape_points", "fidelity", "robustness", "testbeds"):
        assert database.rows(f"SELECT 1 AS found FROM {table} LIMIT 1"), table


@pytest.mark.parametrize("number", TITLES)
def test_every_table_of_the_paper_is_filled(number: int, database: Database) -> None:
    table = paper_table(number, database, checkpoint="best_test")
    measured = [item for row in table.rows for item in row if isinstance(item, Entry) and item.why]
    assert len(measured) >= {1: 20, 2: 90, 3: 20, 4: 12, 5: 15}[number]
