"""Connections to SQLite and to PostgreSQL, made so that both give the same rows and both can be written by many."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from sd import BadInput
from sd.store.patience import patience, tries
from sd.store.target import is_file, named

# All writers of one PostgreSQL database take turns by this advisory lock, as those of an SQLite file do by its own.
_TURN = 0x5D_5E1F_D157

# Seconds for one try to reach a server, where the URL does not say.
_CONNECT_TIMEOUT = 10

# A PostgreSQL of a server that starts, stops, is full, or has broken off a transaction in favour of another one.
_PASSING = {"57P01", "57P02", "57P03", "53300", "40001", "40P01"}


def make_engine(url: sa.URL) -> Engine:
    """An engine for a URL that ``read_target`` knows. Raises ``BadInput`` where its driver is not installed."""
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": patience()})
        _configure_sqlite(engine)
        return engine
    timeout = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_TIMEOUT}
    try:
        engine = sa.create_engine(url, connect_args=timeout, pool_pre_ping=True)
    except ImportError:
        raise BadInput(f"--db: {named(url)} needs psycopg: pip install 'sd[postgres]'") from None
    _configure_postgresql(engine)
    return engine


def reach(engine: Engine, seconds: float) -> None:
    """Open a first connection, and try again for some time where a server does not answer.

    Raises:
        DBAPIError: what came of the last try, or of the first one if another will do no better.
    """
    for left in tries(seconds):
        try:
            engine.connect().close()
            return
        except DBAPIError as error:
            if not left or not is_passing(error):
                raise


@contextmanager
def writing(engine: Engine, wait: float | None = None) -> Iterator[Connection]:
    """One transaction of the only writer there is: its turn is taken at the start, so it need not be given up halfway.

    Args:
        wait: seconds of patience for the turn; by default those of every writer.

    Raises:
        OperationalError: the turn did not come within the writer's patience, or the database cannot be written.
    """
    with engine.connect().execution_options(sd_begins_itself=True) as connection:
        try:
            _take_turn(connection, patience() if wait is None else wait)
            yield connection
            connection.commit()
        except BaseException:
            if not connection.invalidated:
                connection.rollback()
            raise


def is_passing(error: DBAPIError) -> bool:
    """Whether the same may well succeed a little later: the server is away, or the file was replaced under us."""
    said = error.orig
    if isinstance(said, sqlite3.Error):
        return getattr(said, "sqlite_errorname", "") == "SQLITE_READONLY_DBMOVED"
    if not isinstance(error, OperationalError):
        return bool(error.connection_invalidated)
    state = getattr(said, "sqlstate", None)
    if state is None:  # libpq's own words: nobody listens, or nobody answers; it gives up here what it was told before
        return not any(
            word in str(said) for word in ("authentication failed", "does not exist", "no password supplied")
        )
    return state in _PASSING or state.startswith("08")


def _take_turn(connection: Connection, wait: float) -> None:
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, round(wait * 1000))}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")
        return
    # SQLite itself would wait in fixed steps, in which writers that came together stay together.
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        for left in tries(wait):
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                break
            except OperationalError as error:
                if not left or not is_busy(error):
                    raise
    finally:  # whoever reads, and the commit, wait for each other
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(patience() * 1000)}")


def is_busy(error: DBAPIError) -> bool:
    """Whether another process holds SQLite's lock."""
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _configure_sqlite(engine: Engine) -> None:
    """Begin transactions ourselves (the driver would begin them late), keep foreign keys, and choose the journal.

    The file is never opened but through SQLite: closing it in any other way gives up this process's locks on it.
    """

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None
        try:
            _set_up(connection)
        except UnicodeDecodeError:  # what is wrong with the file is said in bytes of the file
            raise sqlite3.DatabaseError("database disk image is malformed") from None

    def _set_up(connection: sqlite3.Connection) -> None:
        # The file may be a stranger's: what its views and triggers call must be harmless, its pages must be whole.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        if is_file(engine.url):
            _choose_journal(connection, named(engine.url))

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("sd_begins_itself"):
            connection.exec_driver_sql("BEGIN")


def _choose_journal(connection: sqlite3.Connection, name: str) -> None:
    """A rollback journal; a write-ahead log, which on a shared disk loses data, only where ``SD_SQLITE_WAL=1`` says so.

    Raises:
        BadInput: the file has a write-ahead log, and it is in use, so that it cannot be taken away.
    """
    wanted = "wal" if os.environ.get("SD_SQLITE_WAL") == "1" else "delete"
    (now,) = connection.execute("PRAGMA journal_mode").fetchone()
    if now == wanted or (wanted == "delete" and now != "wal"):
        return
    connection.execute("PRAGMA busy_timeout = 1000")
    with contextlib.suppress(sqlite3.OperationalError):  # it is in use, or cannot be written
        (now,) = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {round(patience() * 1000)}")
    if now == "wal" != wanted:
        hint = "if its disk is local to every program that opens it, set SD_SQLITE_WAL=1, else close those that do"
        raise BadInput(f"--db: {name} has a write-ahead log, which on a shared disk loses data; {hint}")


def _configure_postgresql(engine: Engine) -> None:
    """Numbers as SQLite gives them: exact doubles, truth as 0 or 1, and no decimals."""

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        from psycopg.adapt import Loader

        class Number(Loader):
            def load(self, data: Any) -> int | float:
                text = bytes(data)
                return int(text) if text.lstrip(b"-").isdigit() else float(text)

        class Truth(Loader):
            def load(self, data: Any) -> int:
                return int(bytes(data) == b"t")

        connection.adapters.register_loader("numeric", Number)
        connection.adapters.register_loader("bool", Truth)
        connection.execute("SET extra_float_digits = 1")
        connection.commit()
