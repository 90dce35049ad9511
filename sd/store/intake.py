"""Taking records in: the rows of a record file take the place of what stood in the database for the same things."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, ProgrammingError, StatementError

from sd.plan.measure import MEASURES
from sd.store.aside import set_aside
from sd.store.record import BadRecord, read_record
from sd.store.rows import among, delete, insert, replace
from sd.store.schema import Base

_TABLES = Base.metadata.tables

# Tables whose rows belong to one measure of a cell and are replaced when its record is taken in again.
_OF_MEASURES = tuple(name for name, table in _TABLES.items() if {"cell_key", "measure_key"} <= {*table.c.keys()})

# Tables whose rows belong to one cell and are replaced when its training record is taken in again.
_OF_TRAINING = ("discrepancies", "evaluations", "checkpoints", "epochs", "members", "cells")

# Tables in which rows are replaced one by one, because others may refer to them.
_BY_KEY = ("cells", "attempts", "records")

# A batch is full with so many rows, or bytes of records: what one short transaction takes in.
_ROWS = 30_000
_BYTES = 16 * 1024 * 1024

# What is said where a row, not the database, is at fault.
_UNFIT = (DataError, IntegrityError, InterfaceError, ProgrammingError)
_MALFORMED = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError)


@dataclass(frozen=True)
class Entry:
    """A record that is to be taken in: its file, its place within its root, its cell's key and its content."""

    path: Path
    place: str
    cell_key: str
    content: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.content.get("kind"))

    @property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        tables: dict[str, list[dict[str, Any]]] = self.content["tables"]
        return tables


def batches(paths: Iterable[Path], known: Mapping[str, str], refused: list[str]) -> Iterator[list[Entry]]:
    """The records that are not known, with this hash, by batches; a line in ``refused`` for each unreadable one.

    They are read as they are asked for, before any lock is held; of one that is known only the hash is computed.
    """
    batch: dict[str, Entry] = {}
    rows = size = 0
    for path in paths:
        try:
            blob = path.read_bytes()
            if known.get(place(path)) == hashlib.sha256(blob).hexdigest():
                continue
            entry = read_entry(path)
        except FileNotFoundError:
            continue  # it was set aside, or is replaced this moment
        except (OSError, BadRecord) as error:
            said = set_aside(path, error)
            refused += [said] if said else []  # else there is a good one by now, whose writer takes it in
            continue
        batch[entry.place] = entry
        rows += sum(len(table) for table in entry.tables.values() if isinstance(table, list))
        size += len(blob)
        if rows >= _ROWS or size >= _BYTES:
            yield list(batch.values())
            batch, rows, size = {}, 0, 0
    if batch:
        yield list(batch.values())


def take_in(connection: Connection, batch: Sequence[Entry]) -> tuple[int, list[str]]:
    """Take in each record of a batch whole or not at all: how many were new, and a line for each that does not fit.

    What another process has taken in by now, while this one waited for its turn, is passed over.
    """
    there = {row["path"]: row["sha256"] for row in among(connection, _TABLES["records"], "path", _places(batch))}
    fresh = [entry for entry in batch if there.get(entry.place) != entry.content["sha256"]]
    if not fresh or _fits(connection, fresh) is None:
        return len(fresh), []
    refused = []
    for entry in fresh:
        error = _fits(connection, [entry])
        if error is not None:
            refused.append(f"{entry.path}: does not fit the schema ({type(error).__name__}: {reason(error)})")
    return len(fresh) - len(refused), refused


def _places(batch: Iterable[Entry]) -> list[str]:
    return [entry.place for entry in batch]


def _fits(connection: Connection, entries: Sequence[Entry]) -> Exception | None:
    """Take in records, all of them or none: what was wrong with them, if it was none."""
    try:
        with connection.begin_nested():
            _replace(connection, entries)
    except (*_UNFIT, *_MALFORMED) as error:
        return error
    except StatementError as error:
        if type(error) is StatementError:  # the driver could not even put a value into words
            return error
        raise  # the database, not the record
    return None


def _replace(connection: Connection, entries: Sequence[Entry]) -> None:
    """Put the rows of records into their tables, in place of what stood there for the same things."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _TABLES}
    for entry in entries:
        _check_tables(entry)
        for name, found in entry.tables.items():
            rows[name] += [_EARLIER | _named(row) | row for row in found] if name == "cells" else found
        rows["records"].append(
            {"path": entry.place, "cell_key": entry.cell_key, "sha256": entry.content["sha256"]},
        )
    _clear_training(connection, [entry for entry in entries if entry.kind == "train"])
    _clear_measures(connection, [entry for entry in entries if entry.kind in MEASURES])
    for table in Base.metadata.sorted_tables:
        put = replace if table.name in _BY_KEY else insert
        put(connection, table, rows[table.name])


def _check_tables(entry: Entry) -> None:
    """Raise ``LookupError`` for a table that a record of this kind does not fill, such as one of a later version."""
    kind = entry.kind
    allowed = {"train": _OF_TRAINING, "attempt": ("attempts",)}.get(kind, _OF_MEASURES if kind in MEASURES else ())
    for name in entry.tables:
        if name not in allowed:
            raise LookupError(f"a record of kind {kind!r} has no table {name!r} in this version of sd")


# What the records of versions before ensembles and other methods do not say of a cell.
_EARLIER = {"origin": "trained", "members": None, "teacher_members": None}


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """The model and method of a cell by the other columns, for records that do not say them."""
    stage = "SAM" if row["optimizer"] == "sam" else f"R{row['round']}" if row["round"] else "T"
    return {"model": stage, "method": "distillation" if row["round"] else None}


def _clear_training(connection: Connection, entries: Iterable[Entry]) -> None:
    """Remove earlier trainings of cells, but not the cells' own rows, which what was measured of them refers to.

    That stays, with the checkpoint hash that it belongs to.
    """
    keys = []
    for entry in entries:
        (cell,) = entry.tables["cells"]
        keys.append(cell["key"])
    before = [row["key"] for row in among(connection, _TABLES["cells"], "key", keys)]
    for name in _OF_TRAINING:
        if name != "cells":
            delete(connection, _TABLES[name], [{"cell_key": key} for key in before])


def _clear_measures(connection: Connection, entries: Iterable[Entry]) -> None:
    """Remove earlier results of the measures that these records are of."""
    taken = {
        (row["cell_key"], row["measure_key"]) for entry in entries for rows in entry.tables.values() for row in rows
    }
    same = [{"cell_key": cell, "measure_key": measure} for cell, measure in sorted(taken)]
    for name in _OF_MEASURES:
        delete(connection, _TABLES[name], same)


def place(path: Path) -> str:
    """A record's name within its root, so that the root can be moved."""
    parts = path.parts
    return "/".join(parts[len(parts) - 1 - parts[::-1].index("cells") :]) if "cells" in parts else path.name


def reason(error: Exception) -> str:
    """The first line of what went wrong, without the statement and its parameters."""
    return next(iter(str(getattr(error, "orig", None) or error).splitlines()), type(error).__name__)


def rows_of(entry: Entry) -> dict[str, list[dict[str, Any]]]:
    """The rows that the database has of a record once it is taken in, by table; every column is said."""
    found = {}
    for name, rows in entry.tables.items():
        full = {column.name: None for column in _TABLES[name].columns}
        found[name] = [full | (_EARLIER | _named(row) if name == "cells" else {}) | row for row in rows]
    return found


def read_entry(path: Path) -> Entry:
    """A record as it would be taken in. Raises ``BadRecord``."""
    content = read_record(path)
    cell_key = (path.parent.parent if path.parent.name == "attempts" else path.parent).name
    return Entry(path, place(path), cell_key, content)
