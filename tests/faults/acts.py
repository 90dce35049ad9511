"""What a cell's life writes, in acts that begin where the one before has ended, and what must hold at any moment."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sd.cluster.ledger import job_file_of, write_job_down
from sd.cluster.manifest import Header, Work, read_cells, read_keys, write_manifest
from sd.cluster.task.place import Place, Watch
from sd.cluster.task.step import run_step
from sd.plan.cell import Cell
from sd.plan.grid import read_grid
from sd.plan.schedule import Plan, Step, plan
from sd.store.database import open_database
from sd.store.progress import is_trained, measure_is_done, progress
from sd.store.record import cell_folder, find_records, read_record
from sd.store.schema import Base
from sd.store.soundness import check_all
from sd.train.checkpoint import load
from sd.train.teacher import load_trained

GRID = """\
name: faults
defaults: {dataset: digits, arch: "tiny:linear", recipe: digits, aug: none, epochs: 2, batch_size: 500}
cells:
  - {seeds: 0, rounds: 1, alpha: 0.5, measure: [curvature]
     , curvature: {samples: 10, probes: 2, steps: 2, checkpoints: [last], splits: [train]}}
  - {seeds: [0, 1], ensembles: {sizes: 2}}
"""

Act = Callable[[Path], None]


def study(folder: Path) -> Plan:
    path = folder / "grid.yaml"
    path.write_text(GRID)
    return plan([read_grid(path)])


def cell(of: Plan, column: str, seed: int = 0) -> Step:
    (found,) = (step for step in of.steps.values() if (step.cell.column, step.cell.seed) == (column, seed))
    return found


class Acts:
    """The acts of one study, in order; each is to be called again after it was cut off, and ends the same."""

    def __init__(self, of: Plan) -> None:
        self.plan = of

    def run(self, folder: Path, step: Step) -> None:
        root = folder / "runs"
        there = cell_folder(root, step.cell.key)
        if not is_trained(there) or not all(measure_is_done(there, measure) for measure in step.measures):
            run_step(step, Place(root, None, "cpu", 1, 0.0), Watch())

    def teacher(self, folder: Path) -> None:
        self.run(folder, cell(self.plan, "T"))

    def other(self, folder: Path) -> None:
        self.run(folder, cell(self.plan, "T", 1))

    def student(self, folder: Path) -> None:
        self.run(folder, cell(self.plan, "R1"))

    def ensemble(self, folder: Path) -> None:
        self.run(folder, cell(self.plan, "E2"))

    def database(self, folder: Path) -> None:
        """The database is made and takes in what the teacher has found."""
        step = cell(self.plan, "T")
        database = open_database(str(folder / "results.db"), create=True)
        refused = database.ingest(p for p in find_records(folder / "runs") if step.cell.key in p.parts).refused
        database.close()
        if refused:
            raise OSError(0, "\n".join(refused))

    def ingest(self, folder: Path) -> None:
        """All records, into a database that holds some."""
        database = open_database(str(folder / "results.db"))
        refused = database.ingest(find_records(folder / "runs")).refused
        database.close()
        if refused:
            raise OSError(0, "\n".join(refused))

    def submission(self, folder: Path) -> None:
        """A manifest, and the job id that it has become."""
        header = Header("faults", "sd grid=faults run=1 array=00-T", "runs", None, None, "code", "cpu", 1, 60.0)
        tasks = [(n, [Work(step, None, 1.0)]) for n, step in enumerate(self.plan.steps.values())]
        path = folder / "runs" / "submissions" / "1" / "00-T.jsonl"
        write_manifest(path, header, tasks)
        write_job_down(path, "123")


ACTS = ("teacher", "other", "student", "ensemble", "database", "ingest", "submission")


def contents(folder: Path) -> dict[str, Any]:
    """Every row of every table; nothing where there is no database yet."""
    if not (folder / "results.db").exists():
        return {}
    database = open_database(str(folder / "results.db"), create=True)
    tables = [table.name for table in Base.metadata.sorted_tables if table.name != "meta"]
    found = {name: database.table(name)[1] for name in tables}
    assert not [line for line in check_all(database, folder / "runs") if "is not in the database" not in line]
    database.close()
    return found


def facts(folder: Path) -> dict[str, Any]:
    """Every number that must not depend on what happened on the way, checkpoint hashes among them."""
    found: dict[str, Any] = {}
    for path in find_records(folder / "runs"):
        record = read_record(path)
        if record["kind"] == "attempt":
            continue
        for name, rows in record["tables"].items():
            left = ("seconds", "attempt_id")
            plain = [{key: value for key, value in row.items() if key not in left} for row in rows]
            found[f"{path.parent.name}/{path.name}/{name}"] = plain
    return found


def check(folder: Path, of: Plan, before: dict[str, Any], after: dict[str, Any]) -> None:
    """What holds at any moment: all that is there is whole, and what is said to be done is on disk.

    Args:
        before, after: the database's rows when the act began, and when it ends undisturbed.
    """
    root = folder / "runs"
    for path in find_records(root):
        read_record(path)
    for step in of.steps.values():
        of_cell = cell_folder(root, step.cell.key)
        if is_trained(of_cell):
            _checkpoints_are_the_recorded(of_cell, step.cell)
        elif any(measure_is_done(of_cell, measure) for measure in step.measures):
            raise AssertionError(f"{step.cell.label} is measured, but not trained")
    for path in root.glob("submissions/*/*.jsonl"):
        assert read_keys(path).keys() == read_cells(path).keys() != set()
        assert not job_file_of(path).exists() or job_file_of(path).read_text() == "123\n"
    rows = contents(folder)
    plain = {name for name, of_table in rows.items() if of_table} - {"published"}
    assert rows in (before, after) or (not plain and not before), "the database is between before and after"
    if rows:
        _nothing_is_said_to_be_done_that_is_not(folder, of)


def _nothing_is_said_to_be_done_that_is_not(folder: Path, of: Plan) -> None:
    database = open_database(str(folder / "results.db"))
    for row in database.rows("SELECT path, sha256 FROM records"):
        assert read_record(folder / "runs" / row["path"])["sha256"] == row["sha256"], row["path"]
    done = progress(of, folder / "runs", database)
    for key in done.facts:
        assert is_trained(cell_folder(folder / "runs", key))
    database.close()


def _checkpoints_are_the_recorded(folder: Path, of: Cell) -> None:
    import torch

    for row in json.loads((folder / "train.json").read_bytes())["tables"]["checkpoints"]:
        path = folder / f"{row['checkpoint']}-{row['sha256'][:12]}.pt"
        load(path, torch.device("cpu"), sha256=row["sha256"])
        load_trained(of, path, row["sha256"], 10, torch.device("cpu"))
