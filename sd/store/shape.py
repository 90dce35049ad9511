"""The shape of a record: which tables and rows one of its kind may hold, so that none is taken in by halves."""

from collections.abc import Mapping, Sequence
from typing import Any

from sd.plan.measure import MEASURES
from sd.store.schema import HEADS, Base

# Tables that no record writes: they come with the code, or say which records were taken in.
_NOT_OF_RECORDS = ("meta", "published", "records")

_OF_TRAINING = ("cells", "members", "epochs", "checkpoints", "evaluations", "discrepancies")
_OF_ATTEMPTS = ("attempts",)

# The types that a value of JSON may have for a column.
_TYPES: dict[type, set[type]] = {str: {str}, int: {int}, float: {float, int}, bool: {bool}}

_LARGEST = 2**63 - 1


class Misshapen(Exception):
    """A record does not have the shape of its kind; the text says where."""


def check_shape(kind: str, tables: Mapping[str, Any], *, owner: str | None) -> None:
    """Raise :class:`Misshapen` unless these are tables of a record of this kind, with rows of its own cell.

    A folder that was copied must not pass for another: ``owner`` is the cell whose folder the record lies in, if any.
    What is missing of a row is left to whoever reads it: records of earlier versions say less.
    """
    head = {"train": "cells", "attempt": "attempts"}.get(kind) or HEADS.get(kind)
    if kind not in {"train", "attempt", *MEASURES} or head is None:
        raise Misshapen(f"is of an unknown kind, {kind[:40]!r}; update sd")
    for name, rows in tables.items():
        if name not in Base.metadata.tables or name in _NOT_OF_RECORDS:
            raise Misshapen(f"table {name[:40]!r} is none that a record fills; update sd")
        _check_rows(name, rows)
        if _kind_of(name, kind) != kind:
            raise Misshapen(f"is of kind {kind}, which has no rows in table {name}")
    count = len(tables.get(head, ()))
    if count == 0 or (count > 1 and kind not in MEASURES):
        raise Misshapen(f"is of kind {kind} and has {count} rows in table {head}")
    for name, rows in tables.items():
        column = "key" if name == "cells" else "cell_key"
        others = {row.get(column) for row in rows} - {owner}
        if owner and others:
            raise Misshapen(f"table {name} has rows of another cell, {ascii(others.pop())[:40]}")


def _kind_of(table: str, kind: str) -> str:
    """The kind of record that fills a table: training, attempts, and else any measure."""
    if table in _OF_TRAINING:
        return "train"
    if table in _OF_ATTEMPTS:
        return "attempt"
    return kind if kind in MEASURES else "a measure"


def _check_rows(name: str, rows: Any) -> None:
    """Rows that all say the same columns, known ones, with values of their types."""
    if not isinstance(rows, list) or {type(row) for row in rows} - {dict}:
        raise Misshapen(f"table {name} holds no list of rows")
    if not rows:
        return
    given = rows[0].keys()
    if any(row.keys() != given for row in rows):
        raise Misshapen(f"table {name} has rows of different columns")
    columns = Base.metadata.tables[name].c
    unknown = [column for column in given if column not in columns]
    if unknown:
        raise Misshapen(f"table {name} has no column {unknown[0][:40]!r}; update sd")
    missing = [column.name for column in columns if column.primary_key and column.name not in given]
    if missing:
        raise Misshapen(f"table {name} lacks column {missing[0]}")
    for column in given:
        kind, nullable = columns[column].type.python_type, columns[column].nullable
        values = [row[column] for row in rows]
        if not _fits(values, kind, nullable=bool(nullable)):
            wrong = next(value for value in values if not _fits([value], kind, nullable=bool(nullable)))
            raise Misshapen(f"table {name}, column {column}: {ascii(wrong)[:40]} is no {kind.__name__}")


def _fits(values: Sequence[Any], kind: type, *, nullable: bool) -> bool:
    """Whether every value can stand in a column of this type, in any database."""
    types = set(map(type, values))
    if not types <= (_TYPES[kind] | {type(None)} if nullable else _TYPES[kind]):
        return False
    if kind is str:
        return _is_text("".join(value for value in values if value is not None))
    return int not in types or all(abs(value) <= _LARGEST for value in values if value is not None)


def _is_text(text: str) -> bool:
    """Whether it can be written as UTF-8: not half of a surrogate pair, and no zero, at which C ends."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
