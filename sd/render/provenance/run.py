"""The runs behind a number: of each its value, checkpoint, teacher and attempts, and where their files lie."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from sd.plan.cell import checkpoint_file
from sd.render.provenance.metric import Metric
from sd.store.database import Database
from sd.store.record import cell_folder

# Of more cells than these all facts of the database are read, which is then quicker than to pick.
_MANY = 2_000


@dataclass(frozen=True)
class Try:
    """One attempt at a cell.

    Attributes:
        record: the file of the attempt.
        log: what its job wrote, where it ran in one whose log is there.
        found: whether the value is of this attempt.
    """

    number: int
    status: str
    job_id: str | None
    restart_count: int
    host: str
    device: str | None
    threads: int | None
    started_at: str
    seconds: float | None
    error: str | None
    code_version: str
    code_clean: bool | None
    versions: Mapping[str, str]
    record: str
    log: str | None
    found: bool


@dataclass(frozen=True)
class Run:
    """A cell as it stands behind a number.

    Attributes:
        value: of the metric that is asked for; ``None`` where none is.
        epoch, sha256, file: of the checkpoint; ``None`` where it has none of its own (what is assembled).
        file_is_here: whether that file lies under the root.
        record, record_sha256: the file that the value was read from, and its hash when it was.
    """

    key: str
    label: str
    model: str
    seed: int
    value: float | None
    checkpoint: str
    epoch: int | None
    sha256: str | None
    file: str | None
    file_is_here: bool
    teacher_key: str | None
    teacher_label: str | None
    teacher_checkpoint: str | None
    teacher_sha256: str | None
    folder: str
    record: str
    record_sha256: str | None
    attempts: tuple[Try, ...] = field(repr=False)

    @property
    def finder(self) -> Try | None:
        """The attempt that found the value."""
        return next((attempt for attempt in self.attempts if attempt.found), None)


@dataclass(frozen=True)
class Wanted:
    """Which value of which cells; what a measure found also takes a split and the measure's key."""

    keys: tuple[str, ...]
    checkpoint: str
    metric: Metric | None = None
    split: str = ""
    measure_key: str = ""


Way = tuple[str, str, str, str]
"""A cell, a checkpoint, a split and the key of a measure."""


class Facts:
    """Everything that is known of some cells, in as many queries whatever their number.

    Args:
        keys: of the cells.
        root: the folder of runs.
        logs: the log of each job, by its id.
    """

    def __init__(self, database: Database, keys: Collection[str], root: Path, logs: Mapping[str, Path]) -> None:
        self._root, self._logs = root, logs
        picked = None if len(keys) > _MANY else keys
        self._database, self._picked = database, picked
        scores, attempts, records = (self._read(name) for name in ("runs", "attempts", "records"))
        self._scores = {(row["key"], row["checkpoint"]): row for row in scores}
        self._measured: dict[str, dict[Way, dict[str, Any]]] = {}
        self._ways: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
        self._attempts: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(attempts, key=lambda row: row["number"]):
            self._attempts[row["cell_key"]].append(row)
        self._records = {row["path"]: row["sha256"] for row in records}

    def _read(self, name: str) -> list[dict[str, Any]]:
        return self._database.named(name, source="cells", keys=self._picked, folder="provenance", exact=True)

    def _found_by(self, name: str) -> Mapping[Way, dict[str, Any]]:
        """What a measure found, by cell, checkpoint, split and the measure's key; read when it is first asked for."""
        if name not in self._measured:
            rows = self._shifted() if name == "robustness" else self._read(name)
            way = ("key", "checkpoint", "split", "measure_key")
            self._measured[name] = {(row[way[0]], row[way[1]], row[way[2]], row[way[3]]): row for row in rows}
            for key, checkpoint, split, measure in self._measured[name]:
                self._ways[name, key, checkpoint].append((split, measure))
        return self._measured[name]

    def _shifted(self) -> list[dict[str, Any]]:
        """Robustness, of which each cell has many rows; as tables sum them up. Shifts are of test images alone."""
        found = self._database.named("robustness_cells", source="robustness_outcomes", keys=self._picked)
        return [{**row, "split": "test"} for row in found]

    def measures(self, key: str, checkpoint: str, name: str) -> list[tuple[str, str]]:
        """The (split, measure key) of every time that a measure was taken of a cell's checkpoint."""
        self._found_by(name)
        return self._ways.get((name, key, checkpoint), [])

    def runs(self, wanted: Wanted) -> tuple[Run, ...]:
        """Those of the wanted cells that have the value, by seed; without a metric those that have an accuracy."""
        found = []
        for key in wanted.keys:
            score = self._scores.get((key, wanted.checkpoint))
            source = score
            if wanted.metric and wanted.metric.measure:
                measured = self._found_by(wanted.metric.measure)
                source = measured.get((key, wanted.checkpoint, wanted.split, wanted.measure_key))
            value = source[wanted.metric.column] if source and wanted.metric else None
            if score is not None and source is not None and (value is not None or wanted.metric is None):
                found.append(self._run(score, value, source["attempt_id"], wanted))
        return tuple(sorted(found, key=lambda run: (run.seed, run.model, run.key)))

    def _run(self, score: dict[str, Any], value: float | None, attempt_id: str, wanted: Wanted) -> Run:
        key, sha256 = score["key"], score["sha256"]
        folder = cell_folder(self._root, key)
        file = folder / checkpoint_file(wanted.checkpoint, sha256) if sha256 else None
        measure = wanted.metric.measure if wanted.metric else ""
        name = f"{measure}-{wanted.measure_key}" if wanted.measure_key else "train"
        same = ("key", "label", "model", "seed", "checkpoint", "epoch", "sha256")
        taught = ("teacher_key", "teacher_label", "teacher_checkpoint", "teacher_sha256")
        return Run(
            **{column: score[column] for column in (*same, *taught)},
            value=value,
            file=str(file) if file else None,
            file_is_here=file is not None and file.exists(),
            folder=str(folder),
            record=str(folder / f"{name}.json"),
            record_sha256=self._records.get(f"cells/{key}/{name}.json"),
            attempts=tuple(self._try(row, folder, attempt_id) for row in self._attempts[key]),
        )

    def _try(self, row: dict[str, Any], folder: Path, attempt_id: str) -> Try:
        log = self._logs.get(row["job_id"] or "")
        same = ("number", "status", "job_id", "restart_count", "host", "device", "threads", "started_at", "seconds")
        return Try(
            **{column: row[column] for column in (*same, "error", "code_version")},
            code_clean=None if row["code_clean"] is None else bool(row["code_clean"]),
            versions=_versions(row["versions_json"]),
            record=str(folder / "attempts" / f"{row['number']:04}.json"),
            log=str(log) if log else None,
            found=row["id"] == attempt_id,
        )


@lru_cache(maxsize=1_000)  # most attempts of a database are of one installation
def _versions(text: str) -> Mapping[str, str]:
    """The versions that an attempt noted; a database may hold anything."""
    try:
        found = json.loads(text)
    except ValueError:
        return {"versions": text}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {"versions": text}
