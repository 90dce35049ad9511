"""The database: made from records, asked through ``sql/``; SQLite by default, any SQLAlchemy URL besides."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError, SQLAlchemyError

from sd import BadInput, resource
from sd.store.intake import place, reason, take_in
from sd.store.record import BadRecord, read_record
from sd.store.rows import insert, select
from sd.store.schema import SCHEMA_VERSION, Base
from sd.store.shipped import expected_meta, meta, refresh

DEFAULT_DB = "results.db"

# How long a writer waits for another before it gives up, in seconds.
_PATIENCE = 60.0


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
            return select(connection, statement, parameters)

    def answer(self, statement: str, parameters: Mapping[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a SELECT, in its order."""
        with self._engine.connect() as connection:
            result = connection.execute(sa.text(statement), parameters)
            return list(result.keys()), [tuple(row) for row in result]

    def table(self, name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and all rows of a table or view of ours, in the order of its columns."""
        with self._engine.connect() as connection:
            result = connection.execute(sa.select(sa.text("*")).select_from(sa.table(name)))
            rows = sorted((tuple(row) for row in result), key=lambda row: [(v is not None, str(v)) for v in row])
            return list(result.keys()), rows

    def has(self, table: str) -> bool:
        """Whether there is such a table."""
        return sa.inspect(self._engine).has_table(table)

    def named(
        self, name: str, *, source: str, keys: Iterable[str] | None, folder: str = "summaries"
    ) -> list[dict[str, Any]]:
        """Run ``sql/FOLDER/NAME.sql`` over the rows of view ``source`` of the cells ``keys`` (``None``: all)."""
        query = resource("sql", folder, f"{name}.sql").read_text()
        with self._engine.connect() as connection:
            if keys is None:
                return select(connection, f"WITH chosen AS (SELECT * FROM {source})\n{query}", {})
            connection.exec_driver_sql("CREATE TEMPORARY TABLE picked (key VARCHAR PRIMARY KEY)")
            try:
                insert(connection, sa.table("picked", sa.column("key")), [{"key": key} for key in set(keys)])
                chosen = f"WITH chosen AS (SELECT v.* FROM {source} v JOIN picked ON picked.key = v.key)\n"
                return select(connection, chosen + query, {})
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
                taken = [take_in(connection, path, record, refused) for path, record in fresh]
        except OperationalError as error:
            problem = f"{self.shown} cannot be written now ({reason(error)})"
            hint = "the records are kept; take them in with: python -m sd.db ingest"
            return Ingested(0, [*refused, f"{problem}; {hint}"])
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
            if known.get(place(path)) != record["sha256"]:
                yield path, record

    def migrate(self) -> None:
        """Create what is missing: tables, the published numbers, and the views of this version of ``sql/``.

        Raises:
            BadInput: the database has another schema version; the text names the command that rebuilds it.
        """
        with self._writing() as connection:
            Base.metadata.create_all(connection)
            _add_new_columns(connection)
            there = meta(connection)
            version = there.get("schema_version", str(SCHEMA_VERSION))
            if version != str(SCHEMA_VERSION):
                raise _other_version(self._engine, version)
            refresh(connection)

    def is_current(self) -> bool:
        """Whether tables, views and published numbers are those of this version of the code."""
        try:
            with self._engine.connect() as connection:
                return meta(connection) == expected_meta()
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
        raise BadInput(f"--db: {shown} cannot be used ({reason(error)})") from None
    return database


def database_file(target: str | None) -> Path | None:
    """The SQLite file that ``target`` means (see :func:`open_database`); ``None`` if it is no file."""
    url, _ = _url(target)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def absolute_target(target: str | None) -> str | None:
    """The same database for a program that runs in another folder: an absolute path, or a URL.

    ``None``, so that it asks ``SD_DB``, for a URL with a password, which is to stand in no file.
    """
    url, target = _url(target)
    if url.get_backend_name() == "sqlite" and url.database:
        there = str(Path(url.database).absolute())
        return url.set(database=there).render_as_string() if "://" in target else there
    return None if url.password else target


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


def _add_new_columns(connection: Connection) -> None:
    """Give the tables of an older database the columns that have come since; such a column may always be NULL."""
    inspector = sa.inspect(connection)
    for table in Base.metadata.sorted_tables:
        known = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")


def _other_version(engine: Engine, version: str) -> BadInput:
    shown = Database(engine).shown
    return BadInput(
        f"--db: {shown} has schema version {version}, this sd needs {SCHEMA_VERSION}; "
        "rebuild it from the records with: python -m sd.db rebuild --db DB --root runs"
    )
