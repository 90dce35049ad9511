"""Many jobs write at once and some are killed: what was reported is there, each row once, and the database is sound.

``SD_LOAD_RECORDS`` is how many records each of the 64 jobs writes (200 in ``.ci/run``).
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from postgres import Postgres

from sd.store.database import Database, open_database
from sd.store.rebuild import rebuild_database
from sd.store.record import find_records

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[2] / "bench" / "store.py"
    spec = importlib.util.spec_from_file_location("bench_store", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose gigabytes do not outlive the test."""
    yield tmp_path
    shutil.rmtree(tmp_path / "runs", ignore_errors=True)
    for path in tmp_path.glob("results.db*"):
        path.unlink()


def load_is_borne(bench: ModuleType, folder: Path, target: str) -> tuple[Database, int]:
    """Put the load on a database, take in what is left, and see that it is all there; how many records there are."""
    load = bench.Load(records=int(os.environ.get("SD_LOAD_RECORDS") or 20))
    open_database(target, create=True).close()
    came = bench.run(load, bench.write_records, folder, target)
    assert came.killed > load.killed // 2
    assert len(came.reported) >= (load.jobs - load.killed) * load.records
    database = open_database(target)
    records = list(find_records(folder / "runs"))
    assert database.ingest(records).refused == []
    assert came.reported <= bench.cells_in(database, load)
    (counts,) = database.rows(
        "SELECT (SELECT COUNT(*) FROM cells) AS cells, (SELECT COUNT(*) FROM records) AS records,"
        " (SELECT COUNT(*) FROM epochs) AS epochs"
    )
    assert counts == {"cells": len(records), "records": len(records), "epochs": len(records) * load.epochs}
    return database, len(records)


def test_one_file_and_64_jobs_of_which_20_are_killed(bench: ModuleType, folder: Path) -> None:
    """And the database made anew from the records equals it, row by row."""
    path = folder / "results.db"
    database, count = load_is_borne(bench, folder, str(path))
    assert [row["integrity_check"] for row in database.rows("PRAGMA integrity_check")] == ["ok"]
    assert database.rows("PRAGMA foreign_key_check") == []
    database.close()
    made = rebuild_database(str(path), folder / "runs")
    assert (made.taken.new, made.taken.refused, made.lost) == (count, [], 0)
    assert bench.same_rows(path, Path(str(made.old)))


@pytest.mark.postgres
def test_one_server_and_64_jobs_of_which_20_are_killed(bench: ModuleType, folder: Path, postgres: Postgres) -> None:
    load_is_borne(bench, folder, postgres.new_database())
