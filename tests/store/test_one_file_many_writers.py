"""An SQLite file on a shared disk: no write-ahead log, one writer at a time, short transactions, failures in a line."""

import contextlib
import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd import BadInput
from sd.plan.cell import checkpoint_file
from sd.store.database import open_database
from sd.store.rebuild import rebuild_database
from sd.store.record import find_records
from sd.store.soundness import Here, check_all, what_is_here


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "results.db"
    open_database(str(found), create=True).close()
    return found


def written(synthetic: SyntheticRoot, seeds: int = 1) -> list[Path]:
    for seed in range(seeds):
        synthetic.train(chain(0, seed=seed)[0])
    return list(find_records(synthetic.root))


def journal(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_there_is_no_write_ahead_log_unless_the_user_says_that_the_disk_is_local(
    path: Path, synthetic: SyntheticRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert journal(path) == "delete"
    monkeypatch.setenv("SD_SQLITE_WAL", "1")
    database = open_database(str(path))
    assert database.ingest(written(synthetic)).new == 2
    database.close()
    assert journal(path) == "wal"
    monkeypatch.delenv("SD_SQLITE_WAL")
    open_database(str(path)).close()
    assert journal(path) == "delete"


def test_a_write_ahead_log_that_is_in_use_is_one_line(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM meta").fetchone()
        with pytest.raises(
            BadInput, match=r"has a write-ahead log, which on a shared disk loses data; .*SD_SQLITE_WAL=1"
        ):
            open_database(str(path))


def test_a_writer_that_gets_no_turn_leaves_the_records_and_says_so(
    path: Path, synthetic: SyntheticRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = written(synthetic, 3)
    monkeypatch.setenv("SD_DB_PATIENCE", "0.3")
    database = open_database(str(path))
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        taken = database.ingest(records)
        assert time.monotonic() - begun < 5
        other.execute("ROLLBACK")
    assert (taken.new, taken.left) == (0, 6)
    assert taken.refused == [
        f"{path} cannot be written now (database is locked); 6 records are kept; "
        "take them in with: python -m sd.db ingest"
    ]
    assert database.ingest(records).new == 6
    assert database.ingest(records).new == 0
    assert check_all(database, synthetic.root) == []


def test_a_writer_waits_for_its_turn(path: Path, synthetic: SyntheticRoot) -> None:
    records = written(synthetic)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.7, lambda: other.execute("COMMIT"))
    timer.start()
    assert open_database(str(path)).ingest(records).new == 2
    timer.join()


def test_a_batch_is_of_bounded_size(path: Path, synthetic: SyntheticRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after a transaction that fails is left; what went before it is there."""
    monkeypatch.setattr("sd.store.intake._ROWS", 20)
    records = written(synthetic, 9)
    database = open_database(str(path))
    turns = []
    monkeypatch.setattr("sd.store.engine._take_turn", lambda connection, wait: turns.append(wait))
    assert database.ingest(records).new == 18
    assert len(turns) > 3


def half_way(path: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 5")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE epochs SET seconds = -1")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_transaction_of_a_killed_writer_is_taken_back(path: Path, synthetic: SyntheticRoot) -> None:
    """It has begun to write into the file, and left its journal."""
    synthetic.train(chain(0)[0], epochs=5000)
    open_database(str(path)).ingest(find_records(synthetic.root))
    process = multiprocessing.get_context("spawn").Process(target=half_way, args=(str(path),))
    process.start()
    process.join()
    assert Path(f"{path}-journal").exists()
    assert check_all(open_database(str(path)), synthetic.root) == []


def test_a_check_counts_what_it_could_compare(path: Path, synthetic: SyntheticRoot, tmp_path: Path) -> None:
    cell = chain(0)[0]
    synthetic.train(cell)
    database = open_database(str(path), create=True)
    database.ingest(find_records(synthetic.root))
    records = len(list(find_records(synthetic.root)))
    named = len(database.rows("SELECT * FROM checkpoints"))
    assert what_is_here(database, synthetic.root) == Here(records, 0, named, 0)
    file = checkpoint_file("last", synthetic.checkpoint_hash(cell, "last"))
    (synthetic.root / "cells" / cell.key / file).unlink()
    assert what_is_here(database, synthetic.root) == Here(records, 0, named - 1, 1)
    assert what_is_here(database, tmp_path / "none") == Here(0, records, 0, 0)


def test_a_damaged_schema_whose_bytes_are_no_text_is_one_line(path: Path) -> None:
    open_database(str(path), create=True).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema = ON")
    broken = "CREATE VIEW " + "SELEC 1"
    connection.execute("UPDATE sqlite_master SET name = CAST(x'93' AS TEXT), sql = ? WHERE name = 'chains'", (broken,))
    connection.commit()
    connection.close()
    with pytest.raises(BadInput, match="malformed") as no:
        open_database(str(path)).table("cells")
    assert "\n" not in str(no.value)


def test_a_damaged_file_is_one_line_with_the_command_that_makes_it_again(path: Path, synthetic: SyntheticRoot) -> None:
    synthetic.train(chain(0)[0], epochs=2000)
    records = list(find_records(synthetic.root))
    open_database(str(path)).ingest(records)
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (path.stat().st_size - 8192))
    with pytest.raises(
        BadInput, match=r"malformed.*make it again .*python -m sd\.db rebuild --db .*results\.db --root"
    ) as no:
        database = open_database(str(path))
        for name in ("epochs", "cells", "published"):
            database.table(name)
    assert "\n" not in str(no.value)
    made = rebuild_database(str(path), synthetic.root)
    assert made.taken.new == 2
    assert check_all(open_database(str(path)), synthetic.root) == []


def test_a_file_is_not_replaced_while_somebody_writes_to_it(
    path: Path, synthetic: SyntheticRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal would be taken for one of the new file."""
    written(synthetic)
    monkeypatch.setenv("SD_DB_PATIENCE", "0.2")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BadInput, match="is in use"):
            rebuild_database(str(path), synthetic.root)
    assert [it.name for it in path.parent.glob("*results.db*")] == ["results.db"]


def test_who_has_the_old_file_open_writes_to_the_new_one(path: Path, synthetic: SyntheticRoot) -> None:
    records = written(synthetic, 2)
    database = open_database(str(path))
    assert database.ingest(records[:2]).new == 2
    made = rebuild_database(str(path), synthetic.root)
    assert made.taken.new == 4
    synthetic.train(chain(0, seed=5)[0])
    assert database.ingest(find_records(synthetic.root)).left == 0
    assert len(open_database(str(path)).rows("SELECT key FROM cells")) == 3


def test_before_its_tables_change_a_file_is_copied(
    path: Path, synthetic: SyntheticRoot, capsys: pytest.CaptureFixture[str]
) -> None:
    open_database(str(path)).ingest(written(synthetic))
    with sqlite3.connect(path) as connection:
        for (view,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
            connection.execute(f"DROP VIEW {view}")
        connection.execute("ALTER TABLE attempts DROP COLUMN expected_seconds")
        connection.execute("UPDATE meta SET value = 'older' WHERE name = 'columns'")
    open_database(str(path))
    (kept,) = path.parent.glob("results.db.before-*")
    assert "gets column attempts.expected_seconds; as it was it is kept as" in capsys.readouterr().err
    with sqlite3.connect(kept) as connection:
        assert connection.execute("SELECT COUNT(*) FROM cells").fetchone() == (1,)
        assert "expected_seconds" not in [row[1] for row in connection.execute("PRAGMA table_info(attempts)")]
    assert check_all(open_database(str(path)), synthetic.root) == []


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    before = path.read_bytes()
    with pytest.raises(BadInput, match="not one of sd's"):
        open_database(str(path), create=True)
    assert path.read_bytes() == before


def test_check_compares_rows_with_records(path: Path, synthetic: SyntheticRoot) -> None:
    database = open_database(str(path))
    database.ingest(written(synthetic))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE evaluations SET top1 = 100 WHERE checkpoint = 'last' AND split = 'test'")
        connection.execute("INSERT INTO members VALUES ('nobody', 1, 'nobody')")
    lines = check_all(database, synthetic.root)
    assert [("rows refer to cells" in line, "1 rows of table evaluations" in line) for line in lines] == [
        (True, False),
        (False, True),
    ]
