"""A database that somebody else has made: what is in its schema does nothing, and what is not sd's is named."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd import BadInput
from sd.store.database import open_database
from sd.store.record import find_records
from sd.store.shipped import view_definitions
from sd.store.soundness import check_all


@pytest.fixture
def path(synthetic: SyntheticRoot, tmp_path: Path) -> Path:
    for cell in chain(1):
        synthetic.train(cell)
    database = open_database(str(tmp_path / "results.db"), create=True)
    assert database.ingest(find_records(synthetic.root)).refused == []
    assert check_all(database, synthetic.root) == []
    database.close()
    return tmp_path / "results.db"


def altered(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_a_view_that_says_something_else_is_named_and_can_be_made_again(path: Path, synthetic: SyntheticRoot) -> None:
    altered(path, "DROP VIEW table2", "CREATE VIEW table2 AS SELECT 99.9 AS top1", "CREATE VIEW own AS SELECT 1 AS one")
    (line,) = check_all(open_database(str(path)), synthetic.root)
    assert "view table2 is not sd's" in line and f"sqlite3 {path} 'DELETE FROM meta'" in line
    altered(path, "DELETE FROM meta")
    database = open_database(str(path))
    assert check_all(database, synthetic.root) == []
    (row,) = database.rows("SELECT sql FROM sqlite_master WHERE name = 'table2'")
    assert row["sql"] == view_definitions()["table2"]


def test_a_trigger_is_named(path: Path, synthetic: SyntheticRoot) -> None:
    altered(path, "CREATE TRIGGER sly AFTER INSERT ON records BEGIN DELETE FROM epochs; END")
    (line,) = check_all(open_database(str(path)), synthetic.root)
    assert "has a trigger, sly" in line


def test_its_views_call_no_function_that_does_anything(path: Path) -> None:
    """Such as one that loads a library, or one that the program that opens it has added."""
    altered(path, "DROP VIEW table2", "CREATE VIEW table2 AS SELECT load_extension('nothing') AS top1")
    with pytest.raises(BadInput, match="unsafe use of load_extension"):
        open_database(str(path)).rows("SELECT * FROM table2")
