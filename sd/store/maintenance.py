"""Looking after the database: making it again from the records, and writing it as CSV."""

import csv
import sqlite3
from dataclasses import dataclass, fields
from pathlib import Path

from sd import BadInput
from sd.store.database import Database, Ingested, open_database
from sd.store.record import find_records
from sd.store.schema import Base
from sd.store.shipped import view_definitions
from sd.store.target import database_file
from sd.store.testbed import ModelOfTestbed


@dataclass(frozen=True)
class Rebuilt:
    """A database made again: its ``path``, what was ``taken`` in, where the ``old`` one is, and how many cells it
    held that have no record (``lost`` to the new one)."""

    path: Path
    taken: Ingested
    old: Path | None
    lost: int


def rebuild_database(target: str | None, root: Path) -> Rebuilt:
    """Make the SQLite database ``target`` from the records under ``root`` alone.

    The new file takes the place of the old one in one step; the old one stays beside it as ``NAME.old``. Testbeds,
    which no run has measured, are taken over from it.

    Raises:
        BadInput: there are no records, or the target is no SQLite file.
    """
    path = database_file(target)
    if path is None:
        raise BadInput("--db: rebuild makes an SQLite file; for a server, make an empty database and run: sd.db ingest")
    records = list(find_records(root))
    if not records:
        raise BadInput(f"--root {root}: holds no records (cells/*/train.json); give the --root of a run")
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    database = open_database(str(fresh), create=True)
    taken = database.ingest(records)
    models = _testbeds_of(path) if path.exists() else []
    if models:
        database.take_testbed(models)
    now = {row["key"] for row in database.rows("SELECT key FROM cells")}
    database.close()
    old = path.with_name(f"{path.name}.old") if path.exists() else None
    lost = 0
    if old:
        lost = len(_cells_of(path) - now)
        path.replace(old)
    fresh.replace(path)
    return Rebuilt(path, taken, old, lost)


def _cells_of(path: Path) -> set[str]:
    """Keys of the cells in a database that may be of another version or damaged."""
    try:
        with sqlite3.connect(path) as connection:
            return {key for (key,) in connection.execute("SELECT key FROM cells")}
    except sqlite3.Error:
        return set()


def _testbeds_of(path: Path) -> list[ModelOfTestbed]:
    """The published models in a database that may be of another version or damaged."""
    columns = ", ".join(it.name for it in fields(ModelOfTestbed))
    try:
        with sqlite3.connect(path) as connection:
            return [ModelOfTestbed(*row) for row in connection.execute(f"SELECT {columns} FROM testbeds")]
    except sqlite3.Error:
        return []


def export_tables(database: Database, folder: Path) -> list[str]:
    """Write every table and view as ``NAME.csv`` into ``folder``; returns the names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [*(table.name for table in Base.metadata.sorted_tables), *view_definitions()]
    for name in names:
        columns, rows = database.table(name)
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])
    return names
