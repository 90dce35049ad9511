"""The database: made from records, asked through ``sql/``; SQLite by default, any SQLAlchemy URL besides."""

import csv
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError, SQLAlchemyError

from sd import BadInput, resource
from sd.store.record import BadRecord, read_record
from sd.store.schema import SCHEMA_VERSION, Base

DEFAULT_DB = "results.db"

# How long a writer waits for another before it gives up, in seconds.
_PATIENCE = 60.0

# Tables whose rows belong to one cell and are replaced when its training record is taken in again.
_OF_TRAINING = ("discrepancies", "evaluations", "checkpoints", "epochs", "cells")


class Database:
    """A database of facts; :func:`open_database` opens one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def shown(self) -> str:
        """The database's path, or its URL without the password."""
        url = self._engine.url
        return (
            url.database or "memory" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
        )

    def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run a SELECT and return its rows, as dictionaries by column."""
        with self._engine.connect() as connection:
            return _rows(connection, statement, parameters)

    def table(self, name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and all rows of a table or view of ours, in the order of its columns."""
        with self._engine.connect() as connection:
            result = connection.execute(sa.select(sa.text("*")).select_from(sa.table(name)))
            rows = sorted((tuple(row) for row in result), key=lambda row: [(v is not None, str(v)) for v in row])
            return list(result.keys()), rows

    def named(self, name: str, *, source: str, keys: Iterable[str]) -> list[dict[str, Any]]:
        """Run ``sql/queries/NAME.sql`` over the rows of view ``source`` that belong to the cells ``keys``."""
        query = resource("sql", "queries", f"{name}.sql").read_text()
        with self._engine.connect() as connection:
            connection.exec_driver_sql("CREATE TEMPORARY TABLE picked (key VARCHAR PRIMARY KEY)")
            try:
                _insert(connection, sa.table("picked", sa.column("key")), [{"key": key} for key in set(keys)])
                chosen = f"WITH chosen AS (SELECT v.* FROM {source} v JOIN picked ON picked.key = v.key)\n"
                return _rows(connection, chosen + query, {})
            finally:
                connection.exec_driver_sql("DROP TABLE picked")

    def ingest(self, paths: Iterable[Path]) -> "Ingested":
        """Take in record files, all in one transaction; a record that is there unchanged is passed over.

        Records of the same cell replace its earlier facts. Returns how many were new and which could not be read.
        """
        refused: list[str] = []
        try:
            fresh = list(self._fresh(paths, refused))
            if not fresh:
                return Ingested(0, refused)
            with self._writing() as connection:
                taken = [_taken(connection, path, record, refused) for path, record in fresh]
        except OperationalError as error:
            reason = f"{self.shown} cannot be written now ({_reason(error)})"
            return Ingested(0, [*refused, f"{reason}; the records are kept, take them in with: python -m sd.db ingest"])
        return Ingested(sum(taken), refused)

    def _fresh(self, paths: Iterable[Path], refused: list[str]) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The records that are not in the database as they are now; a line in ``refused`` for each unreadable one."""
        known = {row["path"]: row["sha256"] for row in self.rows("SELECT path, sha256 FROM records")}
        for path in paths:
            try:
                record = read_record(path)
            except BadRecord as error:
                refused.append(str(error))
                continue
            if known.get(_place(path)) != record["sha256"]:
                yield path, record

    def migrate(self) -> None:
        """Create what is missing: tables, the published numbers, and the views of this version of ``sql/``.

        Raises:
            BadInput: the database has another schema version; the text names the command that rebuilds it.
        """
        with self._writing() as connection:
            Base.metadata.create_all(connection)
            there = _meta(connection)
            version = there.get("schema_version", str(SCHEMA_VERSION))
            if version != str(SCHEMA_VERSION):
                raise _other_version(self._engine, version)
            _refresh(connection)

    def is_current(self) -> bool:
        """Whether tables, views and published numbers are those of this version of the code."""
        try:
            with self._engine.connect() as connection:
                return _meta(connection) == _expected_meta()
        except (OperationalError, ProgrammingError):
            return False

    def check(self) -> list[str]:
        """What is wrong with the database itself: one line each, none if it is sound."""
        if self._engine.dialect.name != "sqlite":
            return []
        damage = [row["integrity_check"] for row in self.rows("PRAGMA integrity_check")]
        orphans = [
            f"{row['table']}: a row refers to a missing row of {row['parent']}"
            for row in self.rows("PRAGMA foreign_key_check")
        ]
        return [line for line in damage if line != "ok"] + orphans

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction that holds the write lock from its start, so that it never has to be given up halfway."""
        with self._engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin() as connection:
            yield connection


@dataclass(frozen=True)
class Ingested:
    """What :meth:`Database.ingest` did: how many ``new`` records it took in, and a line for each ``refused`` one."""

    new: int
    refused: list[str]


def open_database(target: str | None = None, *, create: bool = False) -> Database:
    """Open the database at a path or SQLAlchemy URL; ``None`` is ``SD_DB``, else ``results.db`` here.

    Args:
        create: make it, with its tables, views and the published numbers, if it is not there.

    Raises:
        BadInput: it is not there (and ``create`` is false), is no database, is a directory, or cannot be opened.
    """
    url, target = _url(target)
    shown = url.render_as_string(hide_password=True) if "://" in target else target
    if url.get_backend_name() == "sqlite" and url.database:
        _check_file(Path(url.database), create=create)
    try:
        engine = sa.create_engine(
            url, connect_args={"timeout": _PATIENCE} if url.get_backend_name() == "sqlite" else {}
        )
        if engine.dialect.name == "sqlite":
            _configure_sqlite(engine)
        database = Database(engine)
        if not database.is_current():
            database.migrate()
    except (SQLAlchemyError, ImportError) as error:
        raise BadInput(f"--db: {shown} cannot be used ({_reason(error)})") from None
    return database


def database_file(target: str | None) -> Path | None:
    """The SQLite file that ``target`` means (see :func:`open_database`); ``None`` if it is no file."""
    url, _ = _url(target)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _url(target: str | None) -> tuple[sa.URL, str]:
    target = target or os.environ.get("SD_DB") or DEFAULT_DB
    try:
        return make_url(target) if "://" in target else sa.URL.create("sqlite", database=target), target
    except ArgumentError:
        raise BadInput(f"--db: {target!r} is neither a path nor a database URL") from None


def _check_file(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise BadInput(f"--db: {path} is a directory; give a file such as {path / DEFAULT_DB}")
    if not path.exists() and not create:
        raise BadInput(f"--db: {path}: no such database; make one with: python -m sd.launch GRID --local --db {path}")
    if not path.parent.is_dir():
        raise BadInput(f"--db: {path.parent}: no such folder; make it first, or give another path")


def _configure_sqlite(engine: Engine) -> None:
    """Begin transactions ourselves (the driver would begin them late) and keep foreign keys."""

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


def _taken(connection: Connection, path: Path, record: Mapping[str, Any], refused: list[str]) -> bool:
    """Take a record in whole or not at all; whether it was, and if not a line in ``refused`` that says why."""
    try:
        with connection.begin_nested():
            _take_in(connection, path, record)
    except OperationalError:
        raise  # the database, not the record
    except (SQLAlchemyError, LookupError, TypeError, AttributeError, ValueError) as error:
        refused.append(f"{path}: does not fit the schema ({type(error).__name__}: {_reason(error)})")
        return False
    return True


def _reason(error: Exception) -> str:
    """The first line of what went wrong, without the statement and its parameters."""
    return next(iter(str(getattr(error, "orig", None) or error).splitlines()), type(error).__name__)


def _take_in(connection: Connection, path: Path, record: Mapping[str, Any]) -> None:
    """Put the rows of one record into its tables, in place of what stood there for the same things."""
    tables: dict[str, list[dict[str, Any]]] = record["tables"]
    if record["kind"] == "train":
        _clear_training(connection, tables)
    for table in Base.metadata.sorted_tables:
        rows = tables.get(table.name, [])
        if not (record["kind"] == "train" and table.name in _OF_TRAINING):
            _delete_same(connection, table, rows)
        _insert(connection, table, rows)
    cell_key = (path.parent.parent if record["kind"] == "attempt" else path.parent).name
    row = {"path": _place(path), "cell_key": cell_key, "sha256": record["sha256"]}
    _delete_same(connection, Base.metadata.tables["records"], [row])
    _insert(connection, Base.metadata.tables["records"], [row])


def _clear_training(connection: Connection, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Remove a cell's earlier training; what was measured of it stays, with the checkpoint hash that it belongs to."""
    key = tables["cells"][0]["key"]
    tables["curvature"] = _rows(connection, "SELECT * FROM curvature WHERE cell_key = :key", {"key": key})
    for name in _OF_TRAINING:
        table = Base.metadata.tables[name]
        column = table.c.key if name == "cells" else table.c.cell_key
        connection.execute(sa.delete(table).where(column == key))


def _delete_same(connection: Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        same = sa.and_(*(column == row[column.name] for column in table.primary_key))
        connection.execute(sa.delete(table).where(same))


def _place(path: Path) -> str:
    """A record's name within its root, so that the root can be moved."""
    parts = path.parts
    return "/".join(parts[len(parts) - 1 - parts[::-1].index("cells") :]) if "cells" in parts else path.name


def _meta(connection: Connection) -> dict[str, str]:
    return {row["name"]: row["value"] for row in _rows(connection, "SELECT name, value FROM meta", {})}


def _refresh(connection: Connection) -> None:
    """Make the views anew and fill in the published numbers, where they are not those of this version."""
    if _meta(connection) == _expected_meta():
        return
    views = view_definitions()
    for name in reversed(views):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
    for definition in views.values():
        connection.exec_driver_sql(definition)
    contents = {"published": list(_published()), "meta": [{"name": n, "value": v} for n, v in _expected_meta().items()]}
    for name, rows in contents.items():
        connection.execute(sa.delete(Base.metadata.tables[name]))
        _insert(connection, Base.metadata.tables[name], rows)


def view_definitions() -> dict[str, str]:
    """The CREATE VIEW statement of each view of ``sql/views``, by name, in an order in which each can be made."""
    definitions = {}
    for path in sorted(resource("sql", "views").glob("*.sql")):
        text = re.sub(
            r"^@include (\S+)$",
            lambda match: resource("sql", *match[1].split("/")).read_text().rstrip(),
            path.read_text(),
            flags=re.MULTILINE,
        )
        name = re.search(r"^CREATE VIEW (\w+) AS", text, flags=re.MULTILINE)
        assert name, f"{path} defines no view"
        definitions[name[1]] = re.sub(r"^--.*\n", "", text, flags=re.MULTILINE).strip().rstrip(";").rstrip()
    return definitions


@cache
def _expected_meta() -> dict[str, str]:
    """The schema version, and the SHA-256 of what comes with the code rather than from a run."""
    views = "\n".join(view_definitions().values()).encode()
    published = resource("sql", "published.csv").read_bytes()
    return {
        "schema_version": str(SCHEMA_VERSION),
        "views": hashlib.sha256(views).hexdigest(),
        "published": hashlib.sha256(published).hexdigest(),
    }


def _published() -> Iterator[dict[str, Any]]:
    columns = Base.metadata.tables["published"].c
    with resource("sql", "published.csv").open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            values = {name: columns[name].type.python_type(text) if text else None for name, text in row.items()}
            yield {"id": number, **values}


def _rows(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.text(statement), parameters).mappings()]


def _insert(connection: Connection, table: sa.TableClause, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)


def _other_version(engine: Engine, version: str) -> BadInput:
    shown = Database(engine).shown
    return BadInput(
        f"--db: {shown} has schema version {version}, this sd needs {SCHEMA_VERSION}; "
        "rebuild it from the records with: python -m sd.db rebuild --db DB --root runs"
    )
