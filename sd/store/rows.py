"""Rows in and out of a database: the two statements that everything else in the store is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def select(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a SELECT, as dictionaries by column."""
    return [dict(row) for row in connection.execute(sa.text(statement), parameters).mappings()]


def insert(connection: Connection, table: sa.TableClause, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert ``rows``, which may be none."""
    if rows:
        connection.execute(sa.insert(table), rows)
