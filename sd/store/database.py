"""The database: made from records, asked through ``sql/``; SQLite by default, PostgreSQL where a file is too small."""

import contextlib
import shlex
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from sd import BadInput, resource
from sd.store.engine import is_passing, make_engine, reach, writing
from sd.store.intake import Entry, batches, take_in
from sd.store.migration import bring_up_to_date, is_current
from sd.store.patience import patience, tries
from sd.store.rows import insert, select
from sd.store.schema import Base
from sd.store.target import DEFAULT_DB, is_file, named, read_target, without_secrets
from sd.store.testbed import ModelOfTestbed

# Seconds that somebody waits at a terminal for a server that does not answer.
_AT_A_TERMINAL = 3.0


@dataclass
class Ingested:
    """What :meth:`Database.ingest` did.

    Attributes:
        new: how many records it took in.
        refused: a line for each that it could not take in, and at last one on those that it had to leave.
        left: how many it left for later, because the database could not be written, or read.
    """

    new: int = 0
    refused: list[str] = field(default_factory=list)
    left: int = 0


class Database:
    """A database of facts; :func:`open_database` opens one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process it is opened anew."""
        return _opened_again, (self._engine.url,)

    @property
    def shown(self) -> str:
        """The database's path, or its URL without the password."""
        return named(self._engine.url)

    @property
    def kind(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run a SELECT and return its rows, as dictionaries by column."""
        with self.reading() as connection:
            return select(connection, statement, parameters)

    def tuples(self, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
        """Run a SELECT that SQLAlchemy has put together and return its rows, as tuples."""
        with self.reading() as connection:
            return [tuple(row) for row in connection.execute(statement)]

    def answer(self, statement: str, parameters: Mapping[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a SELECT, in its order."""
        with self.reading() as connection:
            result = connection.execute(sa.text(statement), parameters)
            return list(result.keys()), [tuple(row) for row in result]

    def table(self, name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and all rows of a table or view of ours, in the order of its columns."""
        with self.reading() as connection:
            result = connection.execute(sa.select(sa.text("*")).select_from(sa.table(name)))
            rows = sorted((tuple(row) for row in result), key=lambda row: [(v is not None, str(v)) for v in row])
            return list(result.keys()), rows

    def view(self, name: str) -> list[dict[str, Any]]:
        """All rows of a view for a report, as :meth:`named` gives them."""
        return _ordered(self.rows(f"SELECT * FROM {name}"))

    def has(self, table: str) -> bool:
        """Whether there is such a table."""
        with self.reading() as connection:
            return sa.inspect(connection).has_table(table)

    def named(
        self, name: str, *, source: str, keys: Iterable[str] | None, folder: str = "summaries", exact: bool = False
    ) -> list[dict[str, Any]]:
        """Run ``sql/FOLDER/NAME.sql`` over the rows of view ``source`` of the cells ``keys`` (``None``: all).

        So that a report is the same whatever the database, the rows come ordered by their columns, from the left, and
        numbers to ten digits: each database adds up in an order of its own, which shows in the last of its digits.

        Args:
            exact: all digits of numbers, for a query that adds nothing up.
        """
        query = resource("sql", folder, f"{name}.sql").read_text()
        with self.reading() as connection:
            if keys is None:
                return _ordered(select(connection, f"WITH chosen AS (SELECT * FROM {source})\n{query}", {}), exact)
            _PICKED.create(connection)
            try:
                insert(connection, _PICKED, [{"key": key} for key in set(keys)])
                chosen = f"WITH chosen AS (SELECT v.* FROM {source} v JOIN picked ON picked.key = v.key)\n"
                return _ordered(select(connection, chosen + query, {}), exact)
            finally:
                connection.rollback()

    def ingest(self, paths: Iterable[Path], *, wait: float | None = None) -> Ingested:
        """Take in record files; a record that is there unchanged is passed over.

        Records of the same cell replace its earlier facts. They go in by batches, each in one short transaction, so
        that nobody waits for long; where the database cannot be written within the writer's patience, the rest are
        left where they are. Returns how many were new, and a line for each that could not be read or taken in.

        Args:
            wait: seconds of patience for the database; by default those of every writer (``SD_DB_PATIENCE``).
        """
        wait = patience() if wait is None else wait
        taken = Ingested()
        paths = list(paths)
        try:
            known = {row["path"]: row["sha256"] for row in self._patiently(wait, self._known)}
            for batch in batches(paths, known, taken.refused):
                if not taken.left:
                    try:
                        new, refused = self._patiently(wait, take_in, batch)
                        taken.new += new
                        taken.refused += refused
                        continue
                    except DatabaseError as error:
                        problem = self._cannot("be written now", error)
                taken.left += len(batch)
        except DatabaseError as error:
            problem, taken.left = self._cannot("be read now", error), len(paths)
        except BadInput as error:  # such as a write-ahead log that somebody has made meanwhile
            problem, taken.left = str(error), len(paths)
        if taken.left:
            count = f"{taken.left} record{'s are' if taken.left > 1 else ' is'} kept"
            taken.refused.append(f"{problem}; {count}; take them in with: python -m sd.db ingest")
        return taken

    def take_testbed(self, models: Sequence[ModelOfTestbed]) -> None:
        """Put published models in the place of whatever stood there for the same testbeds."""
        table = Base.metadata.tables["testbeds"]
        with writing(self._engine) as connection:
            connection.execute(sa.delete(table).where(table.c.testbed.in_({it.testbed for it in models})))
            insert(connection, table, [asdict(it) for it in models])

    def _known(self, connection: Connection) -> list[dict[str, Any]]:
        return select(connection, "SELECT path, sha256 FROM records", {})

    def _patiently(self, wait: float, work: Any, batch: list[Entry] | None = None) -> Any:
        """One transaction, tried again where a connection was lost; what it does must bear to be done twice."""
        for left in tries(wait):
            try:
                if batch is None:
                    with self._engine.connect() as connection:
                        return work(connection)
                with writing(self._engine, wait) as connection:
                    return work(connection, batch)
            except DBAPIError as error:
                if not left or not is_passing(error):
                    raise
                self._engine.dispose()
        raise AssertionError("the last try returns or raises")

    def migrate(self) -> None:
        """Create what is missing: tables, the published numbers, and the views of this version of ``sql/``.

        Raises:
            BadInput: the database has another schema version; the text names the command that rebuilds it.
        """
        with writing(self._engine) as connection:
            bring_up_to_date(connection, self._engine.url)

    def is_current(self) -> bool:
        """Whether tables, views and published numbers are those of this version of the code."""
        with self._engine.connect() as connection:
            return is_current(connection)

    def copy_to(self, path: Path) -> bool:
        """Write a consistent copy of an SQLite database to ``path``, also while others write; whether it is one."""
        if self.kind != "sqlite":
            return False
        with contextlib.closing(sqlite3.connect(path)) as copy, self._engine.connect() as connection:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            source.backup(copy)
        return True

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that reads. Raises ``BadInput`` where the database cannot be read, in one line."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise BadInput(self._cannot("be read", error)) from None
        except DatabaseError as error:
            if self.kind == "sqlite" and _is_damage(error):
                raise BadInput(self._cannot("be read", error)) from None
            raise

    def _cannot(self, what: str, error: DatabaseError) -> str:
        return cannot(self._engine.url, what, error)


def _ordered(rows: list[dict[str, Any]], exact: bool = False) -> list[dict[str, Any]]:
    """These very rows by their columns, with numbers to ten digits unless ``exact``, and each text once in memory."""
    texts: dict[str, str] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, str):
                row[name] = texts.setdefault(value, value)
            elif not exact and isinstance(value, float):
                row[name] = float(f"{value:.10g}")
    return sorted(rows, key=lambda row: [(value is not None, value) for value in row.values()])


_PICKED = sa.Table(
    "picked",
    sa.MetaData(),
    sa.Column("key", Base.type_annotation_map[str], primary_key=True),
    prefixes=["TEMPORARY"],
)


def open_database(target: str | None = None, *, create: bool = False, wait: float = _AT_A_TERMINAL) -> Database:
    """Open the database at a path or SQLAlchemy URL; ``None`` is ``SD_DB``, else ``results.db`` here.

    Args:
        create: make it, with its tables, views and the published numbers, if it is not there.
        wait: seconds to wait for a server that does not answer.

    Raises:
        BadInput: it is not there (and ``create`` is false), is no database, is a directory, or cannot be opened.
    """
    url = read_target(target)
    if is_file(url) and url.database:
        _check_file(Path(url.database), create=create)
    engine = make_engine(url)
    try:
        reach(engine, wait)
        database = Database(engine)
        if not database.is_current():
            database.migrate()
    except DatabaseError as error:
        raise BadInput(f"--db: {cannot(url, 'be used', error)}") from None
    return database


def _opened_again(url: sa.URL) -> Database:
    return Database(make_engine(url))


def cannot(url: sa.URL, what: str, error: DatabaseError) -> str:
    """One line on what a database cannot do and why; of a damaged file, with the command that makes it again."""
    said = next(iter(str(error.orig).splitlines()), type(error.orig).__name__)
    hint = ""
    if url.get_backend_name() == "sqlite" and _is_damage(error):
        hint = f"; make it again from the records with: python -m sd.db rebuild --db {shlex.quote(named(url))}"
        hint += " --root DIR" if "malformed" in said else " --root DIR, if it is the one you mean"
    return f"{named(url)} cannot {what} ({without_secrets(said, url)}){hint}"


def _is_damage(error: DatabaseError) -> bool:
    return any(sign in str(error.orig) for sign in ("malformed", "not a database"))


def _check_file(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise BadInput(f"--db: {path} is a directory; give a file such as {path / DEFAULT_DB}")
    if not path.exists() and not create:
        raise BadInput(f"--db: {path}: no such database; make one with: python -m sd.launch GRID --local --db {path}")
    if not path.parent.is_dir():
        raise BadInput(f"--db: {path.parent}: no such folder; make it first, or give another path")
