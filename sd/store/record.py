"""Records: one JSON file for each step of a cell, written durably beside its checkpoints. They are the truth."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sd.durable import write_durably
from sd.plan.measure import MEASURES
from sd.store.kept import keep_a_copy
from sd.store.shape import Misshapen, check_shape

RECORD_VERSION = 1


class BadRecord(Exception):
    """A record that cannot be used; the text says which file and why."""


# The last line of a record: the SHA-256 of the same file without this line, so that a bit that has changed is noticed.
_SEAL = re.compile(rb',\n "content_sha256": "([0-9a-f]{64})"\n\}\n?\Z')


def cell_folder(root: Path, key: str) -> Path:
    """Where everything of a cell lies: ``root/cells/KEY``."""
    return root / "cells" / key


def write_record(path: Path, kind: str, tables: dict[str, list[dict[str, Any]]], **more: Any) -> None:
    """Write a record durably, in place of an earlier one; one that cannot be read is kept under another name.

    Args:
        kind: ``train``, ``attempt``, or the name of a measure.
        tables: rows for the database, by table name; every column of the schema, plain JSON values.
        more: further facts for readers of the file, such as the cell's lineage.
    """
    content = {"record_version": RECORD_VERSION, "kind": kind, **more, "tables": tables}
    if path.exists():
        try:
            read_record(path)
        except BadRecord:  # such as one of a later version
            keep_a_copy(path)
    write_durably(path, sealed(content))


def sealed(content: Mapping[str, Any]) -> bytes:
    """The file of a record with this content: JSON that ends with its own SHA-256 (:data:`_SEAL`)."""
    plain = _written(content).encode()
    return plain[:-2] + f',\n "content_sha256": "{hashlib.sha256(plain).hexdigest()}"\n}}'.encode()


def _written(content: Mapping[str, Any]) -> str:
    """JSON with a line for each row: to be read, and written by Python's fast encoder, which knows no indentation."""
    head = json.dumps({name: value for name, value in content.items() if name != "tables"}, indent=1, allow_nan=False)
    tables = []
    for name, rows in content["tables"].items():
        lines = ",\n   ".join(json.dumps(row, allow_nan=False) for row in rows)
        tables.append(f"  {json.dumps(name)}: [{lines}]")
    return head[:-2] + ',\n "tables": {\n' + ",\n".join(tables) + "\n }\n}"


def read_record(path: Path) -> dict[str, Any]:
    """The content of a record, with the SHA-256 of its file under ``sha256``.

    Records of versions before they were sealed are read as they are.

    Raises:
        BadRecord: the file cannot be read, is not JSON, is not what was written, has the version of a later release, or
            rows that are none.
    """
    try:
        blob = path.read_bytes()
        content = json.loads(blob, parse_constant=_no_number)
        version, tables = content["record_version"], content["tables"]
        if type(version) is not int or not isinstance(content["kind"], str) or not isinstance(tables, dict):
            raise TypeError("record_version is no number, kind no word, or tables no mapping")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise BadRecord(f"{path}: cannot be read as a record ({type(error).__name__}: {reason})") from None
    if version > RECORD_VERSION:
        raise BadRecord(f"{path}: has record version {version}, newer than {RECORD_VERSION}; update sd")
    if "content_sha256" in content:
        was, found = _seals(blob)
        if was != found:
            hint = "restore it from a copy, or remove it and run the grid again"
            raise BadRecord(f"{path}: is not what was written (SHA-256 {found}, written {was}); {hint}")
    try:
        check_shape(content["kind"], tables, owner=_owner(path))
    except Misshapen as error:
        raise BadRecord(f"{path}: {error}") from None
    return {**content, "sha256": hashlib.sha256(blob).hexdigest()}


def _owner(path: Path) -> str | None:
    """The key of the cell in whose folder a record lies; ``None`` if it lies elsewhere."""
    folder = path.parent.parent if path.parent.name == "attempts" else path.parent
    return folder.name if folder.parent.name == "cells" else None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def has_changed(blob: bytes) -> bool:
    """Whether a record's file says itself that it is not what was written."""
    was, found = _seals(blob)
    return was != found


def _seals(blob: bytes) -> tuple[str, str]:
    """The SHA-256 that a record's file ends with, and the one that it has; two words that are one if it has no seal."""
    seal = _SEAL.search(blob)
    if seal is None:
        return "not on its last line" if b'"content_sha256"' in blob else "none", "none"
    return seal[1].decode(), hashlib.sha256(blob[: seal.start()] + b"\n}").hexdigest()


def find_records(root: Path) -> Iterator[Path]:
    """Every record file under ``root``, sorted: first a cell's training, then its measures and attempts."""
    for folder in sorted((root / "cells").glob("*/")):
        yield from records_of(folder)


def records_of(folder: Path) -> list[Path]:
    """The record files of one cell, its training first."""
    train = folder / "train.json"
    measures = [path for name in MEASURES for path in sorted(folder.glob(f"{name}-*.json"))]
    others = measures + sorted(folder.glob("attempts/*.json"))
    return [path for path in [train, *others] if path.exists()]
