"""Looking after the database: making it again from the records, checking it against them, writing it as CSV."""

import csv
import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sd import BadInput
from sd.plan.cell import checkpoint_file
from sd.store.database import Database, Ingested, database_file, open_database
from sd.store.record import BadRecord, cell_folder, find_records, read_record
from sd.store.schema import Base
from sd.store.shipped import view_definitions


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

    The new file takes the place of the old one in one step; the old one stays beside it as ``NAME.old``.

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


def check_all(database: Database, root: Path) -> list[str]:
    """What is wrong, one line each: the database file, references, records that differ, checkpoints that changed."""
    problems = database.check()
    taken = {(row["path"], row["sha256"]) for row in database.rows("SELECT path, sha256 FROM records")}
    for path in find_records(root):
        try:
            record = read_record(path)
        except BadRecord as error:
            problems.append(str(error))
            continue
        if ("/".join(path.relative_to(root).parts), record["sha256"]) not in taken:
            problems.append(f"{path}: is not in the database; take it in with: python -m sd.db ingest --root {root}")
        if record["kind"] == "train":
            problems += _changed_checkpoints(path.parent, record["tables"]["checkpoints"])
    problems += _changed_teachers(database, root)
    return problems


def _changed_checkpoints(folder: Path, rows: list[dict[str, str]]) -> list[str]:
    """Checkpoints that are there but are not what the record says; one that was deleted is no fault."""
    problems = []
    for row in rows:
        path = folder / checkpoint_file(row["checkpoint"], row["sha256"])
        if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
            problems.append(f"{path}: is not the checkpoint of its record; delete its folder and run the grid again")
    return problems


def _changed_teachers(database: Database, root: Path) -> list[str]:
    """Students whose teacher was trained anew, to another result, after it had taught them."""
    rows = database.rows(
        "SELECT s.label, s.key, s.teacher_sha256, k.sha256 FROM cells s JOIN checkpoints k"
        " ON k.cell_key = s.teacher_key AND k.checkpoint = s.teacher_checkpoint WHERE k.sha256 <> s.teacher_sha256"
    )
    return [
        f"{row['label']}: was taught by checkpoint {row['teacher_sha256']}, its teacher's is now {row['sha256']}; "
        f"delete {cell_folder(root, row['key'])} and run the grid again"
        for row in rows
    ]


def export_tables(database: Database, folder: Path) -> list[str]:
    """Write every table and view as ``NAME.csv`` into ``folder``; returns the names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [*(table.name for table in Base.metadata.sorted_tables), *view_definitions()]
    for name in names:
        columns, rows = database.table(name)
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])
    return names
