"""Records: one JSON file for each step of a cell, written durably beside its checkpoints. They are the truth."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sd.durable import write_durably
from sd.plan.measure import MEASURES

RECORD_VERSION = 1


class BadRecord(Exception):
    """A record that cannot be used; the text says which file and why."""


def cell_folder(root: Path, key: str) -> Path:
    """Where everything of a cell lies: ``root/cells/KEY``."""
    return root / "cells" / key


def write_record(path: Path, kind: str, tables: dict[str, list[dict[str, Any]]], **more: Any) -> None:
    """Write a record durably.

    Args:
        kind: ``train``, ``attempt``, or the name of a measure.
        tables: rows for the database, by table name; every column of the schema, plain JSON values.
        more: further facts for readers of the file, such as the cell's lineage.
    """
    content = {"record_version": RECORD_VERSION, "kind": kind, **more, "tables": tables}
    write_durably(path, json.dumps(content, indent=1, allow_nan=False).encode())


def read_record(path: Path) -> dict[str, Any]:
    """The content of a record, with its SHA-256 under ``sha256``.

    Raises:
        BadRecord: the file cannot be read, is not JSON, or has the version of a later release.
    """
    try:
        blob = path.read_bytes()
        content = json.loads(blob)
        version, tables = content["record_version"], content["tables"]
        if not isinstance(version, int) or not isinstance(tables, dict):
            raise TypeError("record_version is not a number or tables is not a mapping")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRecord(f"{path}: cannot be read as a record ({type(error).__name__}: {error})") from None
    if version > RECORD_VERSION:
        raise BadRecord(f"{path}: has record version {version}, newer than {RECORD_VERSION}; update sd")
    return {**content, "sha256": hashlib.sha256(blob).hexdigest()}


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
