"""Rows in and out of a database: the few statements that everything else in the store is made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

# From so many rows on PostgreSQL gets them by COPY, which there is some ten times as fast.
_MANY = 50


def select(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a SELECT, as dictionaries by column."""
    return [dict(row) for row in connection.execute(sa.text(statement), parameters).mappings()]


def insert(connection: Connection, table: sa.TableClause, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert ``rows``, which may be none; what a row does not say is NULL.

    Raises:
        LookupError: there is no such column.
    """
    alike: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for row in rows:
        alike.setdefault(tuple(row), []).append(tuple(row.values()))
    for columns, values in alike.items():
        statement = _insertion(connection, table, columns)
        if connection.dialect.name == "postgresql" and len(values) >= _MANY:
            _copy(connection, table, columns, values)
        else:
            connection.exec_driver_sql(statement, values)


def replace(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, in place of those with the same primary key, to which other tables may go on referring."""
    same = [column.name for column in table.primary_key]
    for row in rows:
        given = {column.name: None for column in table.columns} | dict(row)
        quote = _quoter(connection)
        new = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in given if name not in same)
        statement = _insertion(connection, table, tuple(given))
        statement += f" ON CONFLICT ({', '.join(map(quote, same))}) DO UPDATE SET {new}"
        connection.exec_driver_sql(statement, tuple(given.values()))


def delete(connection: Connection, table: sa.TableClause, same: Iterable[Mapping[str, Any]]) -> None:
    """Delete the rows that have these values in these columns, for each of the mappings, which name the same ones."""
    groups = [dict(values) for values in same]
    if groups:
        quote, sign = _quoter(connection), _sign(connection)
        where = " AND ".join(f"{quote(name)} = {sign}" for name in groups[0])
        statement = f"DELETE FROM {quote(table.name)} WHERE {where}"
        connection.exec_driver_sql(statement, [tuple(values.values()) for values in groups])


def among(connection: Connection, table: sa.Table, column: str, values: Iterable[Any]) -> list[dict[str, Any]]:
    """The rows whose ``column`` is one of ``values``."""
    chosen = sa.select(sa.text("*")).select_from(table)
    wanted = sorted(set(values))
    found: list[dict[str, Any]] = []
    for at in range(0, len(wanted), 500):
        rows = connection.execute(chosen.where(table.c[column].in_(wanted[at : at + 500])))
        found += [dict(row) for row in rows.mappings()]
    return found


def _insertion(connection: Connection, table: sa.TableClause, columns: tuple[str, ...]) -> str:
    unknown = [column for column in columns if column not in table.c]
    if unknown:
        raise LookupError(f"table {table.name} has no column {unknown[0]!r}")
    quote = _quoter(connection)
    signs = ", ".join([_sign(connection)] * len(columns))
    return f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, columns))}) VALUES ({signs})"


def _copy(
    connection: Connection, table: sa.TableClause, columns: tuple[str, ...], values: Iterable[tuple[Any, ...]]
) -> None:
    quote = _quoter(connection)
    names = ", ".join(map(quote, columns))
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY {quote(table.name)} ({names}) FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)
    except driver.Error as error:
        raise sa.exc.DBAPIError.instance("COPY", (), error, driver.Error, dialect=connection.dialect) from None


def _quoter(connection: Connection) -> Any:
    return connection.dialect.identifier_preparer.quote


def _sign(connection: Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"
