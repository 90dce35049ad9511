"""Taking records in: the rows of a record file take the place of what stood in the database for the same things."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from sd.plan.measure import MEASURES
from sd.store.rows import insert, select
from sd.store.schema import Base

# Tables whose rows belong to one cell and are replaced when its training record is taken in again.
_OF_TRAINING = ("discrepancies", "evaluations", "checkpoints", "epochs", "members", "cells")

# Tables whose rows belong to one measure of a cell and are replaced when its record is taken in again.
_OF_MEASURES = ("curvature", "eigenvalues", "spectra", "landscapes", "landscape_points", "fidelity", "robustness")


def take_in(connection: Connection, path: Path, record: Mapping[str, Any], refused: list[str]) -> bool:
    """Take a record in whole or not at all; whether it was, and if not a line in ``refused`` that says why."""
    try:
        with connection.begin_nested():
            _replace(connection, path, record)
    except OperationalError:
        raise  # the database, not the record
    except (SQLAlchemyError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        refused.append(f"{path}: does not fit the schema ({type(error).__name__}: {reason(error)})")
        return False
    return True


def _replace(connection: Connection, path: Path, record: Mapping[str, Any]) -> None:
    """Put the rows of one record into its tables, in place of what stood there for the same things."""
    tables: dict[str, list[dict[str, Any]]] = record["tables"]
    if record["kind"] == "train":
        tables["cells"] = [_EARLIER | _named(row) | row for row in tables["cells"]]
        _clear_training(connection, tables)
    if record["kind"] in MEASURES:
        _clear_measure(connection, [row for name in _OF_MEASURES for row in tables.get(name, [])])
    for table in Base.metadata.sorted_tables:
        rows = tables.get(table.name, [])
        if table.name not in (*_OF_TRAINING, *_OF_MEASURES):
            _delete_same(connection, table, rows)
        insert(connection, table, rows)
    cell_key = (path.parent.parent if record["kind"] == "attempt" else path.parent).name
    row = {"path": place(path), "cell_key": cell_key, "sha256": record["sha256"]}
    _delete_same(connection, Base.metadata.tables["records"], [row])
    insert(connection, Base.metadata.tables["records"], [row])


# What the records of versions before ensembles and other methods do not say of a cell.
_EARLIER = {"origin": "trained", "members": None, "teacher_members": None}


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """The model and method of a cell by the other columns, for records that do not say them."""
    stage = "SAM" if row["optimizer"] == "sam" else f"R{row['round']}" if row["round"] else "T"
    return {"model": stage, "method": "distillation" if row["round"] else None}


def _clear_training(connection: Connection, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Remove a cell's earlier training; what was measured of it stays, with the checkpoint hash that it belongs to."""
    key = tables["cells"][0]["key"]
    for name in _OF_MEASURES:
        tables[name] = select(connection, f"SELECT * FROM {name} WHERE cell_key = :key", {"key": key})
    for name in _OF_TRAINING:
        table = Base.metadata.tables[name]
        column = table.c.key if name == "cells" else table.c.cell_key
        connection.execute(sa.delete(table).where(column == key))


def _clear_measure(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Remove an earlier result of the measures that these rows are of."""
    for cell, measure in {(row["cell_key"], row["measure_key"]) for row in rows}:
        for name in _OF_MEASURES:
            columns = Base.metadata.tables[name].c
            of_measure = sa.and_(columns.cell_key == cell, columns.measure_key == measure)
            connection.execute(sa.delete(Base.metadata.tables[name]).where(of_measure))


def _delete_same(connection: Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        same = sa.and_(*(column == row[column.name] for column in table.primary_key))
        connection.execute(sa.delete(table).where(same))


def place(path: Path) -> str:
    """A record's name within its root, so that the root can be moved."""
    parts = path.parts
    return "/".join(parts[len(parts) - 1 - parts[::-1].index("cells") :]) if "cells" in parts else path.name


def reason(error: Exception) -> str:
    """The first line of what went wrong, without the statement and its parameters."""
    return next(iter(str(getattr(error, "orig", None) or error).splitlines()), type(error).__name__)
