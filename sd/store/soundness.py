"""Whether the database is sound: its schema, its references, its rows against the records, and their checkpoints."""

import hashlib
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sd.plan.cell import checkpoint_file
from sd.plan.measure import MEASURES
from sd.store.aside import find_aside
from sd.store.database import Database
from sd.store.intake import Entry, place, read_entry, rows_of
from sd.store.progress import train_record
from sd.store.record import BadRecord, cell_folder, find_records
from sd.store.rows import among
from sd.store.schema import Base
from sd.store.shipped import view_definitions

_TABLES = Base.metadata.tables

# Of a table's orphans, or a record's rows that differ, so many are named.
_NAMED = 3


def check_all(database: Database, root: Path) -> list[str]:
    """What is wrong, one line each; none if all is sound."""
    problems = [
        *_damage(database),
        *_schema(database),
        *_foreign(database),
        *_orphans(database),
        *_records(database, root),
    ]
    return [*problems, *_changed_teachers(database, root), *_set_aside(root)]


@dataclass(frozen=True)
class Here:
    """What of a database is under a root.

    Attributes:
        records: those that it was made from and that are here.
        elsewhere: those that are not: a rebuild would lose them.
        checkpoints: those that records here name, and that are here, too.
        gone: those that records here name, and that are not.
    """

    records: int
    elsewhere: int
    checkpoints: int
    gone: int


def what_is_here(database: Database, root: Path) -> Here:
    """Count what a check could compare the database with."""
    here = {place(path) for path in find_records(root)}
    records = [row["path"] in here for row in database.rows("SELECT path FROM records")]
    named = [
        (cell_folder(root, row["cell_key"]) / checkpoint_file(row["checkpoint"], row["sha256"])).is_file()
        for row in database.rows("SELECT cell_key, checkpoint, sha256 FROM checkpoints")
        if train_record(cell_folder(root, row["cell_key"])).is_file()
    ]
    return Here(sum(records), len(records) - sum(records), sum(named), len(named) - sum(named))


def _damage(database: Database) -> list[str]:
    """What SQLite says of the pages and indices of its file."""
    if database.kind != "sqlite":
        return []
    found = [str(row["integrity_check"]) for row in database.rows("PRAGMA integrity_check")]
    return [f"{database.shown}: {line}" for line in found if line != "ok"]


def _schema(database: Database) -> list[str]:
    """Tables, columns, keys and views that are not as this version of sd makes them."""
    problems = []
    with database.reading() as connection:
        inspector = sa.inspect(connection)
        tables, views = set(inspector.get_table_names()), set(inspector.get_view_names())
        problems += [f"{database.shown}: has no view {name}" for name in view_definitions() if name not in views]
        for table in Base.metadata.sorted_tables:
            if table.name not in tables:
                problems.append(f"{database.shown}: has no table {table.name}")
                continue
            known = {column["name"] for column in inspector.get_columns(table.name)}
            lacking = [column.name for column in table.columns if column.name not in known]
            problems += [f"{database.shown}: table {table.name} has no column {name}" for name in lacking]
            key = inspector.get_pk_constraint(table.name)["constrained_columns"]
            if set(key) != {column.name for column in table.primary_key}:
                problems.append(f"{database.shown}: the primary key of {table.name} is ({', '.join(key)})")
            there = {tuple(found["constrained_columns"]) for found in inspector.get_foreign_keys(table.name)}
            wanted = {tuple(found.column_keys) for found in table.foreign_key_constraints}
            missing = [", ".join(columns) for columns in sorted(wanted - there)]
            problems += [f"{database.shown}: table {table.name} has no foreign key ({name})" for name in missing]
    return problems


def _foreign(database: Database) -> Iterator[str]:
    """Views of our names that say something else, and triggers, of which sd makes none: whoever made the file did."""
    if database.kind != "sqlite":
        return
    ours = view_definitions()
    for row in database.rows("SELECT type, name, sql FROM sqlite_master WHERE type IN ('view', 'trigger')"):
        if row["type"] == "trigger":
            yield f"{database.shown}: has a trigger, {row['name']}; drop it, or use another database"
        elif ours.get(row["name"], row["sql"]) != row["sql"]:
            hint = f"sqlite3 {shlex.quote(database.shown)} 'DELETE FROM meta'"
            yield f"{database.shown}: view {row['name']} is not sd's; to have them all made again: {hint}"


def _orphans(database: Database) -> Iterator[str]:
    """Rows that refer to a row that is not there."""
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            column, other = key.parent.name, key.column
            rows = database.rows(
                f"SELECT DISTINCT {column} AS lost FROM {table.name} WHERE {column} IS NOT NULL"
                f" AND {column} NOT IN (SELECT {other.name} FROM {other.table.name}) ORDER BY lost"
            )
            if rows:
                named = ", ".join(str(row["lost"]) for row in rows[:_NAMED]) + (" …" if len(rows) > _NAMED else "")
                yield f"{table.name}: rows refer to {other.table.name} that are not there: {named}"


def _records(database: Database, root: Path) -> Iterator[str]:
    """Records that cannot be read, are not in the database, or say other than its rows; checkpoints that changed."""
    taken = {row["path"]: row["sha256"] for row in database.rows("SELECT path, sha256 FROM records")}
    for path in find_records(root):
        try:
            entry = read_entry(path)
        except BadRecord as error:
            yield str(error)
            continue
        if taken.get(entry.place) != entry.content["sha256"]:
            hint = f"take it in with: python -m sd.db ingest --root {shlex.quote(str(root))}"
            yield f"{path}: is not in the database; {hint}"
        else:
            yield from _differences(database, root, entry)
        if entry.kind == "train":
            yield from _changed_checkpoints(path.parent, entry.tables["checkpoints"])


def _differences(database: Database, root: Path, entry: Entry) -> Iterator[str]:
    """Where the rows of the database are not those of a record that it has taken in."""
    for name, rows in rows_of(entry).items():
        table = _TABLES[name]
        key = [column.name for column in table.primary_key]
        said = {tuple(row[column] for column in key): row for row in rows}
        found = {tuple(row[column] for column in key): row for row in _rows_there(database, entry, table, rows)}
        wrong = sorted(str(place) for place in said.keys() | found.keys() if said.get(place) != found.get(place))
        if wrong:
            some = ", ".join(wrong[:_NAMED]) + (" …" if len(wrong) > _NAMED else "")
            hint = f"python -m sd.db rebuild --root {shlex.quote(str(root))}"
            yield f"{entry.path}: {len(wrong)} rows of table {name} are not as it says ({some}); {hint}"


def _rows_there(database: Database, entry: Entry, table: sa.Table, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """What the database has in a table of the things that a record speaks of."""
    kind = entry.kind
    column, values = ("id", [row["id"] for row in rows]) if kind == "attempt" else ("cell_key", [entry.cell_key])
    if table.name == "cells":
        column = "key"
    with database.reading() as connection:
        found = among(connection, table, column, values)
    measured = {row["measure_key"] for row in rows} if kind in MEASURES else set()
    return [row for row in found if not measured or row["measure_key"] in measured]


def _changed_checkpoints(folder: Path, rows: list[dict[str, str]]) -> Iterator[str]:
    """Checkpoints that are there but are not what the record says; one that was deleted is no fault."""
    for row in rows:
        path = folder / checkpoint_file(row["checkpoint"], row["sha256"])
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            continue
        except OSError as error:
            yield f"{path}: cannot be read ({error.strerror})"
            continue
        if found != row["sha256"]:
            yield f"{path}: is not the checkpoint of its record; delete its folder and run the grid again"


def _changed_teachers(database: Database, root: Path) -> list[str]:
    """Students whose teacher was trained anew, to another result, after it had taught them."""
    rows = database.rows(
        "SELECT s.label, s.key, s.teacher_sha256, k.sha256 FROM cells s JOIN checkpoints k"
        " ON k.cell_key = s.teacher_key AND k.checkpoint = s.teacher_checkpoint WHERE k.sha256 <> s.teacher_sha256"
        " ORDER BY s.label, s.key"
    )
    return [
        f"{row['label']}: was taught by checkpoint {row['teacher_sha256']}, its teacher's is now {row['sha256']}; "
        f"delete {cell_folder(root, row['key'])} and run the grid again"
        for row in rows
    ]


def _set_aside(root: Path) -> list[str]:
    return [f"{path}: was set aside, for it could not be read; look at it, and remove it" for path in find_aside(root)]
