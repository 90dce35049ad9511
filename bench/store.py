"""How fast and how safely many jobs put their facts into one database, beside the naive way; and a rebuild.

    python bench/store.py                     # 64 jobs of 200 records with 600 epochs, 20 of them killed: SQLite
    python bench/store.py --db URL            # the same into an empty PostgreSQL database, without the naive way
    python bench/store.py --naive             # besides: each job opens SQLite and inserts, and nothing more

Each job is a process. Ours writes a record, reports it, and every so many records takes in what it has written. The
naive one opens the file with Python's defaults for each record and inserts its rows. A job that is killed gets SIGKILL
at a random moment. Then whatever is not in the database yet is taken in, as sd.status or sd.db ingest would, and the
database is made anew from the records and compared with the first, row by row.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from synthetic import EPOCH_COLUMNS, cell_row, chain

from sd.store.database import Database, open_database
from sd.store.progress import train_record
from sd.store.rebuild import rebuild_database
from sd.store.record import cell_folder, find_records, write_record
from sd.store.schema import Base

TAKEN_IN_EVERY = 20
"""Records that one of our jobs writes before it tries to take them in."""


@dataclass(frozen=True)
class Load:
    """How many jobs there are, what each writes, and how many of them are killed."""

    jobs: int = 64
    records: int = 200
    epochs: int = 600
    killed: int = 20


@dataclass
class Came:
    """What came of a load.

    Attributes:
        reported: keys of the cells that jobs said were written.
        seconds: until the last job had ended.
        killed: how many of the jobs were killed before they had ended.
        said: lines that jobs printed, such as that the database could not be written.
    """

    reported: set[str] = field(default_factory=set)
    seconds: float = 0.0
    killed: int = 0
    said: list[str] = field(default_factory=list)


def tables_of(seed: int, epochs: int) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """The key and the rows of a made-up cell."""
    (cell,) = chain(0, seed=seed, epochs=epochs)
    key = {"cell_key": cell.key}
    tables = {
        "cells": [cell_row(cell, None)],
        "epochs": [
            {**key, "epoch": epoch} | {name: (seed + epoch + at) / 7 for at, name in enumerate(EPOCH_COLUMNS)}
            for epoch in range(1, epochs + 1)
        ],
        "checkpoints": [{**key, "checkpoint": "last", "epoch": epochs, "sha256": "0" * 64, "bytes": 1}],
        "evaluations": [
            {**key, "checkpoint": "last", "split": "test", "top1": seed % 100, "top5": 99.0, "loss": 0.25, "ece": None}
            | {"n_samples": 10, "attempt_id": "none"}
        ],
        "discrepancies": [],
    }
    return cell.key, tables


def write_records(load: Load, job: int, root: Path, target: str, report: Callable[[str], None]) -> None:
    """One of our jobs."""
    database = open_database(target, create=True, wait=60)
    written: list[Path] = []
    for number in range(load.records):
        key, tables = tables_of(job * load.records + number, load.epochs)
        path = train_record(cell_folder(root, key))
        write_record(path, "train", tables)
        report(f"written {key}")
        written.append(path)
        last = number + 1 == load.records
        if len(written) % TAKEN_IN_EVERY == 0 or last:
            # On the way the facts can wait in the records: the job has more to do than to stand in a queue.
            taken = database.ingest(written, wait=60 if last else 0.05)
            if not taken.left:
                written = []
            elif last:
                report(f"said {taken.refused[-1]}")


def insert_naively(load: Load, job: int, root: Path, target: str, report: Callable[[str], None]) -> None:
    """A job that opens SQLite and inserts."""
    del root
    for number in range(load.records):
        key, tables = tables_of(job * load.records + number, load.epochs)
        try:
            connection = sqlite3.connect(target)
            with connection:
                for name, rows in tables.items():
                    if rows:
                        signs = ", ".join("?" * len(rows[0]))
                        statement = f"INSERT INTO {name} ({', '.join(rows[0])}) VALUES ({signs})"
                        connection.executemany(statement, [tuple(row.values()) for row in rows])
            connection.close()
            report(f"written {key}")
        except sqlite3.Error as error:
            report(f"said {key} is lost: {error}")


def run(load: Load, work: Any, folder: Path, target: str, *, seed: int = 0) -> Came:
    """Start the jobs, kill some of them at random moments, and wait for the rest."""
    draw = random.Random(seed)
    reports = [folder / f"report-{job}" for job in range(load.jobs)]
    doomed = {job: draw.randrange(1, load.records) for job in draw.sample(range(load.jobs), load.killed)}
    fork = multiprocessing.get_context("fork")
    came = Came()
    begun = time.monotonic()
    jobs = [
        fork.Process(target=_job, args=(work, load, job, folder / "runs", target, path))
        for job, path in enumerate(reports)
    ]
    for process in jobs:
        process.start()
    while any(process.is_alive() for process in jobs):
        for job, lines in list(doomed.items()):
            if reports[job].exists() and reports[job].read_bytes().count(b"\n") >= lines:
                time.sleep(draw.uniform(0, 0.05))
                came.killed += jobs[job].is_alive()
                jobs[job].kill()
                del doomed[job]
        time.sleep(0.02)
    came.seconds = time.monotonic() - begun
    for process in jobs:
        process.join()
    assert sum(process.exitcode == -signal.SIGKILL for process in jobs) <= load.killed
    assert all(process.exitcode in {0, -signal.SIGKILL} for process in jobs), [it.exitcode for it in jobs]
    for path in reports:
        for line in path.read_text().splitlines():
            kind, _, rest = line.partition(" ")
            came.reported.add(rest) if kind == "written" else came.said.append(rest)
    return came


def _job(work: Any, load: Load, job: int, root: Path, target: str, path: Path) -> None:
    with path.open("ab", buffering=0) as file:
        work(load, job, root, target, lambda line: file.write(f"{line}\n".encode()))
    os._exit(0)


def cells_in(database: Database, load: Load) -> set[str]:
    """Keys of the cells in a database, each with every one of its epochs."""
    counts = "SELECT cell_key, COUNT(*) AS n, COUNT(DISTINCT epoch) AS d FROM epochs GROUP BY cell_key"
    whole = {row["cell_key"] for row in database.rows(counts) if (row["n"], row["d"]) == (load.epochs, load.epochs)}
    return {row["key"] for row in database.rows("SELECT key FROM cells")} & whole


def same_rows(first: Path, second: Path) -> bool:
    """Whether two SQLite databases have the same rows in each table."""
    with sqlite3.connect(first) as a, sqlite3.connect(second) as b:
        for table in Base.metadata.sorted_tables:
            order = ", ".join(f'"{column.name}"' for column in table.primary_key)
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            rows = [it.execute(f"SELECT {columns} FROM {table.name} ORDER BY {order}") for it in (a, b)]
            if not all(one == other for one, other in zip_longest(*rows)):
                return False
    return True


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", metavar="URL", help="an empty PostgreSQL database")
    parser.add_argument("--naive", action="store_true", help="the naive way besides")
    parser.add_argument("--jobs", type=int, default=Load.jobs)
    parser.add_argument("--records", type=int, default=Load.records)
    parser.add_argument("--epochs", type=int, default=Load.epochs)
    parser.add_argument("--killed", type=int, default=Load.killed)
    given = parser.parse_args()
    load = Load(given.jobs, given.records, given.epochs, given.killed)
    folder = Path(tempfile.mkdtemp(prefix="sd-bench-store-", dir=Path.cwd()))
    try:
        _ours(load, folder / "ours", given.db)
        if given.naive and not given.db:
            _naive(load, folder / "naive")
    finally:
        shutil.rmtree(folder)


def _ours(load: Load, folder: Path, url: str | None) -> None:
    folder.mkdir()
    path = folder / "results.db"
    target = url or str(path)
    open_database(target, create=True).close()
    came = run(load, write_records, folder, target)
    database = open_database(target)
    there = len(cells_in(database, load))
    records = list(find_records(folder / "runs"))
    begun = time.monotonic()
    rest = database.ingest(records)
    ingested = time.monotonic() - begun
    lost = came.reported - cells_in(database, load)
    print(f"ours: {len(came.reported)} records reported by {load.jobs} jobs, {came.killed} of them killed")
    print(f"  {came.seconds:.1f} s, {there} in the database by then: {there / came.seconds:.0f} records a second")
    print(
        f"  {rest.new} more taken in afterwards in {ingested:.1f} s; {len(lost)} lost; {len(came.said)} waits given up"
    )
    if url:
        return
    sound = database.rows("PRAGMA integrity_check"), database.rows("PRAGMA foreign_key_check")
    print(f"  integrity: {sound[0][0]['integrity_check']}; foreign keys: {len(sound[1])} broken")
    database.close()
    begun = time.monotonic()
    made = rebuild_database(str(path), folder / "runs")
    seconds = time.monotonic() - begun
    assert made.old
    same = "equal" if same_rows(path, Path(made.old)) else "NOT EQUAL"
    print(f"rebuild from {made.taken.new} records: {seconds:.1f} s; {same} to the first, row by row")


def _naive(load: Load, folder: Path) -> None:
    folder.mkdir()
    path = folder / "results.db"
    open_database(str(path), create=True).close()
    came = run(load, insert_naively, folder, str(path))
    there = cells_in(open_database(str(path)), load)
    tried = len(came.reported) + len(came.said)
    print(f"naive: {tried} records tried by {load.jobs} jobs, {came.killed} of them killed; {len(came.said)} lost")
    print(f"  {came.seconds:.1f} s, {len(there)} in the database: {len(there) / came.seconds:.0f} records a second")


if __name__ == "__main__":
    main()
