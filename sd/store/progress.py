"""What is done of a plan: by the records on disk, and by a database that may come from another machine."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sd.plan.cell import checkpoint_file
from sd.plan.measure import Measure
from sd.plan.schedule import Plan, Step
from sd.store.database import Database
from sd.store.record import BadRecord, cell_folder, read_record
from sd.store.schema import HEADS


@dataclass(frozen=True)
class Done:
    """How far a plan is, by cell key.

    Attributes:
        facts: cells whose accuracy and every wanted measure are known.
        trained: cells that have a checkpoint here, so that they can teach.
    """

    facts: frozenset[str]
    trained: frozenset[str]


def train_record(folder: Path) -> Path:
    """The record of a cell's training."""
    return folder / "train.json"


def measure_record(folder: Path, measure: Measure) -> Path:
    """The record of one measure of a cell, with these settings."""
    return folder / f"{measure.name}-{measure.key}.json"


def saved_checkpoints(folder: Path) -> dict[str, dict[str, Any]]:
    """The rows of table ``checkpoints`` in a cell's training record, by checkpoint.

    Raises:
        BadRecord, LookupError: there is no such record, or it has no such rows.
    """
    return {row["checkpoint"]: row for row in read_record(train_record(folder))["tables"]["checkpoints"]}


def measure_is_done(folder: Path, measure: Measure) -> bool:
    """Whether the measure's record is there and of the checkpoints that are there now."""
    try:
        now = saved_checkpoints(folder)
        rows = read_record(measure_record(folder, measure))["tables"][HEADS[measure.name]]
        return all(now[row["checkpoint"]]["sha256"] == row["checkpoint_sha256"] for row in rows)
    except (BadRecord, LookupError):
        return False


def is_trained(folder: Path) -> bool:
    """Whether the training record and the checkpoints that it names are there, at the size that it says."""
    try:
        rows = saved_checkpoints(folder).values()
        files = [(folder / checkpoint_file(row["checkpoint"], row["sha256"]), row["bytes"]) for row in rows]
        return all(path.stat().st_size == size for path, size in files)
    except (BadRecord, OSError, LookupError, TypeError):
        return False


def known_scores(folder: Path) -> dict[str, float]:
    """Accuracy by ``checkpoint/split`` in the training record, which may outlive its checkpoints."""
    try:
        rows = read_record(train_record(folder))["tables"]["evaluations"]
        return {f"{row['checkpoint']}/{row['split']}": row["top1"] for row in rows}
    except (BadRecord, LookupError, TypeError):
        return {}


def scores_in(database: Database, keys: Iterable[str]) -> dict[str, dict[str, float]]:
    """The same out of a database, by cell key."""
    wanted = set(keys)
    scores: dict[str, dict[str, float]] = {}
    for row in database.rows("SELECT cell_key, checkpoint, split, top1 FROM evaluations"):
        if row["cell_key"] in wanted:
            scores.setdefault(row["cell_key"], {})[f"{row['checkpoint']}/{row['split']}"] = row["top1"]
    return scores


@dataclass(frozen=True)
class Known:
    """The facts that a database has: keys of the ``cells`` whose test accuracy is known, and (cell, measure) keys of
    what was measured of the checkpoints that are theirs now."""

    cells: frozenset[str]
    measures: frozenset[tuple[str, str]]

    def lacks(self, step: Step) -> tuple[Measure, ...]:
        """Which of a step's measures are not known."""
        return tuple(measure for measure in step.measures if (step.cell.key, measure.key) not in self.measures)

    def has(self, step: Step) -> bool:
        """Whether nothing of a step is missing."""
        return step.cell.key in self.cells and not self.lacks(step)


def known_facts(database: Database) -> Known:
    """What a database knows, of all cells that are in it."""
    known = {row["cell_key"] for row in database.rows("SELECT DISTINCT cell_key FROM evaluations WHERE split = 'test'")}
    taken = " UNION ALL ".join(
        f"SELECT cell_key, measure_key, checkpoint, checkpoint_sha256 FROM {t}" for t in HEADS.values()
    )
    measured = {
        (row["cell_key"], row["measure_key"])
        for row in database.rows(
            f"SELECT DISTINCT h.cell_key, h.measure_key FROM ({taken}) h JOIN checkpoints k"
            " ON k.cell_key = h.cell_key AND k.checkpoint = h.checkpoint AND k.sha256 = h.checkpoint_sha256"
        )
    }
    return Known(frozenset(known), frozenset(measured))


def progress(plan: Plan, root: Path, database: Database) -> Done:
    """What is known and what is trained, of a plan whose records have been taken in."""
    known = known_facts(database)
    return Done(
        facts=frozenset(key for key, step in plan.steps.items() if known.has(step)),
        trained=frozenset(key for key in plan.steps if is_trained(cell_folder(root, key))),
    )
