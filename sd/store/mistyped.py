"""Text where a number belongs: SQLite lets anybody write it into any column, and nothing can be reckoned from it."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from sd import BadInput
from sd.store.database import Database
from sd.store.schema import Base


@contextmanager
def numbers_expected(database: Database) -> Iterator[None]:
    """Where the block fails on a value's type, and the database holds text in a column of numbers, say where.

    Raises:
        BadInput: it does, instead of the ``TypeError`` or ``ValueError``; any other error is left as it is.
    """
    try:
        yield
    except BadInput:
        raise
    except (TypeError, ValueError) as error:
        told = _text_in_a_number(database)
        if told is None:
            raise
        raise BadInput(f"{database.shown}: {told}; make it again from the records: python -m sd.db rebuild") from error


def _text_in_a_number(database: Database) -> str | None:
    """The first such place, in words. Looks through the whole database, so only once something has gone wrong."""
    if database.kind != "sqlite":
        return None
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, (sa.Integer, sa.Float, sa.Numeric, sa.Boolean)) and database.has(table.name):
                key = next(iter(table.primary_key.columns)).name
                found = database.rows(
                    f'SELECT "{key}" AS place, "{column.name}" AS value FROM "{table.name}"'
                    f" WHERE typeof(\"{column.name}\") IN ('text', 'blob') LIMIT 1"
                )
                if found:
                    value, place = repr(found[0]["value"])[:60], repr(found[0]["place"])[:40]
                    return f"{table.name}.{column.name} holds {value} where a number belongs ({key} {place})"
    return None
