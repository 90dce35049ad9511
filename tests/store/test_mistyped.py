"""Text that somebody wrote into a column of numbers is one line, and no traceback."""

import sqlite3
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd import BadInput
from sd.render.site.catalogue import read_catalogue
from sd.render.site.tables import settings
from sd.store.database import Database, open_database
from sd.store.mistyped import numbers_expected
from sd.store.record import cell_folder, records_of

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def database(tmp_path: Path, synthetic: SyntheticRoot) -> Database:
    made = open_database(str(tmp_path / "results.db"), create=True)
    (cell,) = chain(0)
    synthetic.train(cell)
    made.ingest(records_of(cell_folder(synthetic.root, cell.key)))
    return made


def poison(place: Path, table: str, column: str) -> None:
    with sqlite3.connect(place) as connection:
        connection.execute(f"UPDATE {table} SET {column} = ?", [EVIL])


@pytest.mark.parametrize(("table", "column"), [("cells", "seed"), ("evaluations", "top1")])
def test_the_line_says_where_the_text_stands(table: str, column: str, database: Database, tmp_path: Path) -> None:
    poison(tmp_path / "results.db", table, column)
    told = rf"{table}\.{column} holds '<script.*sd\.db rebuild"
    with pytest.raises(BadInput, match=told), numbers_expected(database):
        raise TypeError("not a number")


def test_the_settings_of_a_study_are_not_made_of_it(database: Database, tmp_path: Path) -> None:
    poison(tmp_path / "results.db", "cells", "alpha")
    with pytest.raises(BadInput, match=r"cells\.alpha holds"), numbers_expected(database):
        for group in read_catalogue(database, None).groups:
            settings(group)


def test_another_error_is_left_as_it_is(database: Database) -> None:
    with pytest.raises(ValueError, match="mine"), numbers_expected(database):
        raise ValueError("mine")
