"""Records are taken in whole or not at all, once, and the database can be made again from them."""

import copy
import json
import multiprocessing
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import SyntheticRoot, chain

from sd import BadInput
from sd.store.database import Database, open_database
from sd.store.export import export_tables
from sd.store.rebuild import rebuild_database
from sd.store.record import find_records
from sd.store.schema import Base
from sd.store.soundness import check_all


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(str(tmp_path / "results.db"), create=True)


def everything(database: Database) -> dict[str, Any]:
    return {table.name: database.table(table.name) for table in Base.metadata.sorted_tables}


def test_taking_in_twice_changes_nothing(synthetic: SyntheticRoot, database: Database) -> None:
    for cell in chain(2):
        synthetic.train(cell)
        synthetic.measure(cell)
    assert database.ingest(find_records(synthetic.root)).new == 9
    before = everything(database)
    again = database.ingest(find_records(synthetic.root))
    assert (again.new, again.refused) == (0, [])
    assert everything(database) == before


def test_training_again_replaces_the_facts_and_keeps_what_still_holds(
    synthetic: SyntheticRoot, database: Database
) -> None:
    """A curvature row stays, but counts only while its checkpoint is the one that was measured."""
    (cell,) = chain(0)
    synthetic.train(cell, top1=90.0, epochs=5)
    synthetic.measure(cell)
    database.ingest(find_records(synthetic.root))
    assert len(database.rows("SELECT * FROM curvature_outcomes")) == 4
    synthetic.train(cell, top1=91.0, last=89.0, epochs=3)
    database.ingest(find_records(synthetic.root))
    assert len(database.rows("SELECT * FROM epochs")) == 3
    assert {row["top1"] for row in database.rows("SELECT top1 FROM outcomes")} == {91.0, 89.0}
    assert len(database.rows("SELECT * FROM curvature")) == 4
    assert {row["checkpoint"] for row in database.rows("SELECT * FROM curvature_outcomes")} == {"last"}


def test_a_record_that_does_not_fit_is_named_and_the_others_are_taken(
    synthetic: SyntheticRoot, database: Database
) -> None:
    good, bad = chain(1)
    synthetic.train(good)
    path = synthetic.train(bad)
    path.write_text(path.read_text().replace('"top1"', '"top_one"'))
    taken = database.ingest(find_records(synthetic.root))
    assert taken.new == 3
    assert len(taken.refused) == 1 and str(path) in taken.refused[0] and "\n" not in taken.refused[0]
    assert [row["key"] for row in database.rows("SELECT key FROM cells")] == [good.key]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"record_version": 1}', b'{"record_version": 2, "tables": {}}']
)
def test_a_file_that_is_no_record_is_named(content: bytes, synthetic: SyntheticRoot, database: Database) -> None:
    (cell,) = chain(0)
    path = synthetic.train(cell)
    path.write_bytes(content)
    (line,) = database.ingest([path]).refused
    assert line.startswith(str(path))


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_mangled_record_never_raises_and_leaves_nothing_partial(data: st.DataObject) -> None:
    """Values, columns, rows and tables are replaced or removed at random."""
    with tempfile.TemporaryDirectory() as folder:
        root = SyntheticRoot(Path(folder) / "runs")
        database = open_database(str(Path(folder) / "results.db"), create=True)
        (cell,) = chain(0)
        path = root.train(cell)
        content = json.loads(path.read_text())
        for _ in range(data.draw(st.integers(1, 3))):
            place: Any = content
            while True:
                inside = list(place) if isinstance(place, dict) else range(len(place))
                if not inside:
                    break
                key = data.draw(st.sampled_from(list(inside)))
                if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
                    place = place[key]
                    continue
                if data.draw(st.booleans()):
                    del place[key]
                else:
                    place[key] = data.draw(LEAVES)
                break
        path.write_text(json.dumps(content))
        taken = database.ingest([path])
        assert taken.new + len(taken.refused) == 1
        if taken.refused:
            rows = [name for name, (_, rows) in everything(database).items() if rows]
            assert rows == [name for name in rows if name in {"meta", "published"}]
        database.close()


def ingest(path: str, root: Path) -> int:
    return open_database(path, create=True).ingest(find_records(root)).new


def test_many_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each makes the database if it is not there, and takes in records of its own."""
    roots = [SyntheticRoot(tmp_path / f"runs{seed}") for seed in range(8)]
    for seed, root in enumerate(roots):
        for cell in chain(3, seed=seed):
            root.train(cell, epochs=30)
    path = str(tmp_path / "results.db")
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        assert sum(pool.starmap(ingest, [(path, root.root) for root in roots])) == 8 * 8
    database = open_database(path)
    assert len(database.rows("SELECT * FROM epochs")) == 8 * 4 * 30
    assert check_all(database, roots[0].root) == []


def test_the_database_made_again_equals_the_first_row_by_row(
    synthetic: SyntheticRoot, database: Database, tmp_path: Path
) -> None:
    for seed in range(3):
        for cell in chain(2, seed=seed):
            synthetic.train(cell)
            synthetic.measure(cell)
    database.ingest(find_records(synthetic.root))
    before = everything(database)
    database.close()
    made = rebuild_database(str(tmp_path / "results.db"), synthetic.root)
    assert (made.old, made.lost, made.taken.new) == (str(tmp_path / "results.db.old"), 0, 27)
    assert everything(open_database(str(tmp_path / "results.db"))) == before


def test_rebuilding_says_what_the_old_database_had_besides(synthetic: SyntheticRoot, tmp_path: Path) -> None:
    target = str(tmp_path / "results.db")
    first, second = chain(1)
    synthetic.train(first)
    path = synthetic.train(second)
    open_database(target, create=True).ingest(find_records(synthetic.root))
    path.unlink()
    assert rebuild_database(target, synthetic.root).lost == 1
    with pytest.raises(BadInput, match="holds no records"):
        rebuild_database(target, tmp_path / "elsewhere")


def test_check_finds_what_is_off(synthetic: SyntheticRoot, database: Database) -> None:
    teacher, student = chain(1)
    for cell in (teacher, student):
        synthetic.train(cell)
    database.ingest(find_records(synthetic.root))
    assert check_all(database, synthetic.root) == []
    folder = synthetic.root / "cells" / teacher.key
    next(folder.glob("last-*.pt")).write_bytes(b"something else")
    assert ["is not the checkpoint of its record" in line for line in check_all(database, synthetic.root)] == [True]
    synthetic.train(teacher, top1=50.0)
    assert any("is not in the database" in line for line in check_all(database, synthetic.root))
    database.ingest(find_records(synthetic.root))
    (line,) = check_all(database, synthetic.root)
    assert line.startswith(f"{student.label}: was taught by checkpoint ")


def test_export_writes_every_table_and_view(synthetic: SyntheticRoot, database: Database, tmp_path: Path) -> None:
    synthetic.train(chain(0)[0])
    database.ingest(find_records(synthetic.root))
    names = export_tables(database, tmp_path / "csv")
    assert {path.stem for path in (tmp_path / "csv").iterdir()} == set(names) >= {"cells", "table2", "summary"}
    assert len((tmp_path / "csv" / "table2.csv").read_text().splitlines()) == 1 + 18


def test_a_database_of_another_version_is_refused_with_the_command(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    open_database(str(path), create=True).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    with pytest.raises(
        BadInput, match=r"has schema version 99, this sd needs 4; rebuild it .* python -m sd.db rebuild"
    ):
        open_database(str(path))


def test_views_of_an_earlier_release_are_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    open_database(str(path), create=True).close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP VIEW table2")
        connection.execute("UPDATE meta SET value = 'old' WHERE name = 'views'")
    assert len(open_database(str(path)).rows("SELECT * FROM table2")) == 18


def test_a_password_is_never_shown() -> None:
    with pytest.raises(BadInput) as raised:
        open_database("postgresql+psycopg://me:secret@localhost:1/none?connect_timeout=1")
    assert "secret" not in str(raised.value) and "***" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [("folder", "is a directory"), ("none.db", "no such database; make one with"), ("text.db", "not a database")],
)
def test_what_is_no_database_is_one_line(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("name: grid\n" * 100)
    with pytest.raises(BadInput, match=text) as raised:
        open_database(str(tmp_path / name))
    assert "\n" not in str(raised.value)


def test_a_database_that_cannot_be_written_keeps_the_records(synthetic: SyntheticRoot, database: Database) -> None:
    """The table is taken away, as a full disk or a lock would take the whole file."""
    path = synthetic.train(chain(0)[0])
    content = path.read_bytes()
    record = copy.deepcopy(content)
    with sqlite3.connect(database.shown) as connection:
        connection.execute("DROP TABLE epochs")
    (line,) = database.ingest([path]).refused
    assert "cannot be written now" in line and "python -m sd.db ingest" in line
    assert path.read_bytes() == record
    assert database.rows("SELECT * FROM cells") == []


def test_cells_of_one_setting_differ_in_their_seed_alone() -> None:
    a, b = chain(1, seed=0), chain(1, seed=1)
    assert [c.setting for c in a] == [c.setting for c in b]
    assert replace(a[0], aug="none").setting != a[0].setting
