"""Making a database again from the records alone; what was there before is kept beside it."""

import contextlib
import secrets
import shlex
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sd import BadInput
from sd.durable import sync_folder
from sd.store.database import Ingested, open_database
from sd.store.engine import make_engine, reach, writing
from sd.store.migration import bring_up_to_date
from sd.store.patience import patience
from sd.store.record import find_records
from sd.store.schema import Base
from sd.store.shipped import view_definitions
from sd.store.target import is_file, named, read_target
from sd.store.testbed import ModelOfTestbed

# What SQLite keeps beside a file while it writes.
_COMPANIONS = ("-journal", "-wal", "-shm")


@dataclass(frozen=True)
class Rebuilt:
    """A database made again: how it is ``named``, what was ``taken`` in, where the ``old`` one is (a file, or a schema
    of the server), and how many cells it held that have no record (``lost`` to the new one)."""

    named: str
    taken: Ingested
    old: str | None
    lost: int


def rebuild_database(target: str | None, root: Path) -> Rebuilt:
    """Make the database ``target`` from the records under ``root`` alone.

    A new file takes the place of the old one in one step, which stays beside it as ``NAME.old``; on a server the old
    tables and views go to a schema of their own. Testbeds, which no run has measured, are taken over.

    Raises:
        BadInput: there are no records; or the database is in use, or cannot be written: it then stays as it is.
    """
    url = read_target(target)
    records = list(find_records(root))
    if not records:
        raise BadInput(f"--root {root}: holds no records (cells/*/train.json); give the --root of a run")
    if is_file(url) and url.database:
        return _rebuild_file(Path(url.database), records)
    return _rebuild_server(url, records)


def _rebuild_file(path: Path, records: list[Path]) -> Rebuilt:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        database = open_database(str(fresh), create=True)
        taken = database.ingest(records)
        models = _testbeds_of(path) if path.exists() else []
        if models:
            database.take_testbed(models)
        now = {row["key"] for row in database.rows("SELECT key FROM cells")}
        database.close()
        if taken.left:
            raise BadInput(f"--db: {path} is not made again: {taken.refused[-1]}")
        old, lost = None, 0
        if path.exists():
            with _nobody_else_in(path) as connection:
                lost = len(_cells_of(connection) - now)
                old = _put_aside(path)
                fresh.replace(path)
        else:
            fresh.replace(path)
    finally:
        for suffix in ("", *_COMPANIONS):
            Path(f"{fresh}{suffix}").unlink(missing_ok=True)
    sync_folder(path.parent)
    return Rebuilt(str(path), taken, str(old) if old else None, lost)


@contextlib.contextmanager
def _nobody_else_in(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold SQLite's lock on a file that is about to be renamed; a damaged one has none.

    Nobody is then in the middle of a transaction, whose journal, found by the file's name, would be taken for one of
    the new file and written into it. Those who have the old file open still are told by SQLite that it was moved.
    """
    connection = sqlite3.connect(path, timeout=patience(), isolation_level=None)
    try:
        with contextlib.suppress(sqlite3.DatabaseError):
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                hint = "again when nothing writes to it"
                raise BadInput(f"--db: {path} is in use; run python -m sd.db rebuild {hint}") from None
        yield connection
    finally:
        connection.close()


def _put_aside(path: Path) -> Path:
    """Give the old file a second name, the first free one of ``NAME.old``, ``NAME.old.2`` …; returns it."""
    number = 1
    while True:
        old = path.with_name(f"{path.name}.old{f'.{number}' if number > 1 else ''}")
        try:
            old.hardlink_to(path)
            break
        except FileExistsError:
            number += 1
        except OSError:  # a file system without links
            if old.exists():
                number += 1
                continue
            path.rename(old)
            break
    for suffix in _COMPANIONS:
        companion = Path(f"{path}{suffix}")
        if companion.exists():
            companion.rename(f"{old}{suffix}")
    return old


def _cells_of(connection: sqlite3.Connection) -> set[str]:
    """Keys of the cells in a database that may be of another version or damaged."""
    try:
        return {key for (key,) in connection.execute("SELECT key FROM cells")}
    except sqlite3.Error:
        return set()


_MODELS = f"SELECT {', '.join(it.name for it in fields(ModelOfTestbed))} FROM testbeds"


def _testbeds_of(path: Path) -> list[ModelOfTestbed]:
    """The published models in a database that may be of another version or damaged."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return [ModelOfTestbed(*row) for row in connection.execute(_MODELS)]
    except sqlite3.Error:
        return []


def _rebuild_server(url: sa.URL, records: list[Path]) -> Rebuilt:
    engine = make_engine(url)
    reach(engine, patience())
    with writing(engine) as connection:
        before = _keys(connection)
        there = sa.inspect(connection).has_table("testbeds")
        models = [ModelOfTestbed(*row) for row in connection.exec_driver_sql(_MODELS)] if there else []
        old = _move_to_schema(connection)
        bring_up_to_date(connection, url)
    engine.dispose()
    database = open_database(url.render_as_string(hide_password=False))
    taken = database.ingest(records)
    if models:
        database.take_testbed(models)
    now = {row["key"] for row in database.rows("SELECT key FROM cells")}
    database.close()
    return Rebuilt(named(url), taken, f"schema {shlex.quote(old)}" if old else None, len(before - now))


def _keys(connection: Connection) -> set[str]:
    if not sa.inspect(connection).has_table("cells"):
        return set()
    return {row[0] for row in connection.exec_driver_sql("SELECT key FROM cells")}


def _move_to_schema(connection: Connection) -> str | None:
    """Move our tables and views to a schema of their own; its name, or ``None`` where there are none."""
    inspector = sa.inspect(connection)
    tables = [name for name in inspector.get_table_names() if name in Base.metadata.tables]
    views = [name for name in inspector.get_view_names() if name in view_definitions()]
    if not tables and not views:
        return None
    schema = f"sd_old_{datetime.now(UTC):%Y%m%dt%H%M%S}"
    connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    for kind, names in (("VIEW", views), ("TABLE", tables)):
        for name in names:
            connection.exec_driver_sql(f"ALTER {kind} {name} SET SCHEMA {schema}")
    return schema
