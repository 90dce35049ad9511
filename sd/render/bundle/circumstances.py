"""With what it was found, as files of the bundle: the environment, the compute statement, grids and queries."""

import json
import platform
import re
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from sd import __version__, resource
from sd.render.bundle.part import Part
from sd.render.formats import write_tables
from sd.render.table import Entry, Table
from sd.store.attempt import code_version
from sd.store.database import Database
from sd.store.export import export_tables


def circumstances(database: Database, folder: Path) -> Iterator[Part]:
    """With what everything was found.

    Args:
        folder: an empty one, for files that are too large to be held.
    """
    yield from _compute(database)
    yield from _environment()
    yield from _shipped("jobs", "grids", ("*.yaml", "profiles/*.yaml"), "a grid: python -m sd.launch reads it")
    yield from _shipped("sql", "sql", ("*.md", "*.csv", "*/*.sql"), "a query, a view, or what they are about")
    yield from _database(database, folder)


def compute_table(database: Database) -> Table:
    """The compute statement: the hours that each kind of device was busy, with all attempts."""
    found = database.named("compute", source="attempts", keys=None)
    gpu = sum(row["hours"] for row in found if row["kind"].startswith("cuda"))
    cpu = sum(row["hours"] for row in found if not row["kind"].startswith("cuda"))
    return Table(
        title="Compute statement",
        caption=f"{gpu:.3g} GPU-hours and {cpu:.3g} hours of jobs on CPUs, over all attempts that the database knows: "
        "those that failed, were interrupted or lost included, the latter until their last sign of life. Cells that "
        "share a GPU are counted each for its own time. Energy was not measured.",
        headers=[
            *("Device", "Hosts", "Cells", "Attempts", "Done", "Failed", "Interrupted", "Running"),
            *("Hours", "Thread-hours", "First start", "Last end"),
        ],
        rows=[_device(row) for row in found],
    )


def _device(row: dict[str, Any]) -> list[str | Entry]:
    counts = ("hosts", "cells", "attempts", "done", "failed", "interrupted", "running")
    hours = [f"{row[name]:.4g}" for name in ("hours", "thread_hours")]
    return [row["kind"], *(str(row[name]) for name in counts), *hours, row["first_start"] or "", row["last_end"] or ""]


def _compute(database: Database) -> Iterator[Part]:
    table = compute_table(database)
    for format_ in ("md", "csv"):
        content = write_tables([table], format_).encode()
        what = "the hours of each kind of device; by architecture and data set: python -m sd.db query device_hours"
        yield Part(f"compute.{format_}", content, what, "python -m sd.report --bundle out.zip")


def _environment() -> Iterator[Part]:
    """What is installed here: not what each run had, which the database says of every attempt."""
    installed = {_name(it.name): it.version for it in distributions() if it.name}
    lines = "".join(f"{name}=={version}\n" for name, version in sorted(installed.items()))
    command = "python -m pip freeze"
    yield Part("environment/packages.txt", lines.encode(), "the packages where the bundle was written", command)
    commit, clean = code_version()
    facts = {"sd": __version__, "commit": commit, "clean": clean, "python": platform.python_version()}
    facts |= {"implementation": platform.python_implementation(), "platform": platform.platform()}
    text = json.dumps(facts, indent=1) + "\n"
    yield Part("environment/environment.json", text.encode(), "code, Python and platform where the bundle was written")
    constraints = Path(__file__).resolve().parents[3] / "constraints.txt"
    if constraints.is_file():
        how = "python -m pip install --editable . --constraint constraints.txt"
        yield Part("environment/constraints.txt", constraints.read_bytes(), "the versions that sd is tested with", how)


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _shipped(source: str, folder: str, patterns: tuple[str, ...], what: str) -> Iterator[Part]:
    top = resource(source)
    for path in sorted({path for pattern in patterns for path in top.glob(pattern)}):
        inside = "/".join(path.relative_to(top).parts)
        yield Part(f"{folder}/{inside}", path.read_bytes(), what)


def _database(database: Database, folder: Path) -> Iterator[Part]:
    """A copy of an SQLite database; of any other every table and view as CSV."""
    copy = folder / "results.db"
    if database.copy_to(copy):
        yield Part("database/results.db", copy, "the database", "python -m sd.db rebuild, from the records")
        return
    for name in export_tables(database, folder / "csv"):
        yield Part(
            f"database/{name}.csv", folder / "csv" / f"{name}.csv", f"table or view {name}", "python -m sd.db export"
        )
