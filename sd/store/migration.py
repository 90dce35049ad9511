"""Bringing a database up to this version of the code: tables and columns are added, and views made anew."""

import shlex
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sd import BadInput
from sd.durable import sync_folder
from sd.store.schema import SCHEMA_VERSION, Base
from sd.store.shipped import expected_meta, meta, refresh
from sd.store.target import is_file, named


def is_current(connection: Connection) -> bool:
    """Whether tables, views and published numbers are those of this version of the code."""
    return sa.inspect(connection).has_table("meta") and meta(connection) == expected_meta()


def bring_up_to_date(connection: Connection, url: sa.URL) -> None:
    """Create what is missing, in the transaction of a writer.

    An SQLite file of an earlier release is copied first, beside itself, if its tables change.

    Raises:
        BadInput: the database has another schema version, or is somebody else's.
    """
    if is_current(connection):
        return  # another process was faster
    tables = set(sa.inspect(connection).get_table_names())
    if "meta" in tables:
        version = meta(connection).get("schema_version", str(SCHEMA_VERSION))
        if version != str(SCHEMA_VERSION):
            raise _other_version(url, version)
    elif tables if url.get_backend_name() == "sqlite" else tables & Base.metadata.tables.keys():
        raise BadInput(f"--db: {named(url)} is a database, but not one of sd's (it has no table meta); give another")
    lacking = _lacking(connection)
    if lacking and "meta" in tables and is_file(url) and url.database:
        kept = back_up(Path(url.database))
        print(f"{url.database} gets {', '.join(lacking)}; as it was it is kept as {kept}", file=sys.stderr)
    Base.metadata.create_all(connection)
    _add_new_columns(connection)
    refresh(connection)


def back_up(path: Path) -> Path:
    """Copy an SQLite file while others use it, by SQLite's own backup; returns the copy, ``NAME.before-DATE``."""
    kept = path.with_name(f"{path.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    draft = path.with_name(f".{kept.name}.part")
    draft.unlink(missing_ok=True)
    source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    target = sqlite3.connect(draft)
    try:
        source.backup(target)
    finally:
        target.close()
        source.close()
    draft.rename(kept)
    sync_folder(kept.parent)
    return kept


def _lacking(connection: Connection) -> list[str]:
    """The tables and columns of this version that the database has not, by name."""
    inspector = sa.inspect(connection)
    tables = set(inspector.get_table_names())
    found = [f"table {name}" for name in sorted(Base.metadata.tables.keys() - tables)]
    for table in Base.metadata.sorted_tables:
        if table.name in tables:
            known = {column["name"] for column in inspector.get_columns(table.name)}
            found += [f"column {table.name}.{column.name}" for column in table.columns if column.name not in known]
    return found


def _add_new_columns(connection: Connection) -> None:
    """Give the tables of an older database the columns that have come since; such a column may always be NULL."""
    inspector = sa.inspect(connection)
    quote = connection.dialect.identifier_preparer.quote
    for table in Base.metadata.sorted_tables:
        known = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {quote(table.name)} ADD COLUMN {quote(column.name)} {kind}")


def _other_version(url: sa.URL, version: str) -> BadInput:
    command = f"python -m sd.db rebuild --db {shlex.quote(named(url))} --root DIR"
    return BadInput(
        f"--db: {named(url)} has schema version {version}, this sd needs {SCHEMA_VERSION}; "
        f"rebuild it from the records with: {command}"
    )
