"""Manifests: what the tasks of one array are to do, in one file that is written before the array is submitted.

The first line is a header; each further line is one task with its steps. A task reads up to its own line only.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sd import BadInput
from sd.durable import write_durably
from sd.plan.cell import Cell
from sd.plan.measure import MEASURES
from sd.plan.schedule import Step

MANIFEST_VERSION = 1


@dataclass(frozen=True)
class Header:
    """What the tasks of an array have in common.

    Attributes:
        comment: what its job is submitted with.
        device: ``cpu``, or ``cuda``, which a task then insists on.
        pack: cells that run at a time in one task.
        db: the database that a task puts its facts into, as an absolute path or URL; ``None``: what SD_DB says.
        code: the folder of the code that was submitted.
    """

    grid: str
    comment: str
    root: str
    data_root: str | None
    db: str | None
    code: str
    device: str
    pack: int
    save_every: float


@dataclass(frozen=True)
class Work:
    """One cell of a task.

    Attributes:
        scores_before: what is known of an earlier training of it.
        expected_seconds: what the launcher thought that it would take.
    """

    step: Step
    scores_before: dict[str, float] | None
    expected_seconds: float | None


def write_manifest(path: Path, header: Header, tasks: Sequence[tuple[int, list[Work]]]) -> None:
    """Write a manifest durably."""
    lines = [json.dumps({"manifest_version": MANIFEST_VERSION, "tasks": len(tasks), **asdict(header)})]
    for index, works in tasks:
        content = {"task": index, "keys": [work.step.cell.key for work in works], "works": [_to_json(w) for w in works]}
        lines.append(json.dumps(content, separators=(",", ":")))
    write_durably(path, "\n".join([*lines, ""]).encode())


def read_task(path: Path, index: int) -> tuple[Header, list[Work]]:
    """The header of a manifest and one of its tasks.

    Raises:
        BadInput: the manifest cannot be read as far as that task, or has no such task.
    """
    with _whole(path), path.open(encoding="utf-8") as file:
        head = json.loads(file.readline())
        del head["manifest_version"], head["tasks"]
        header = Header(**head)
        for line in file:
            if line.startswith(f'{{"task":{index},'):
                return header, [_from_json(work) for work in json.loads(line)["works"]]
    raise BadInput(f"{path}: has no task {index}")


def read_keys(path: Path) -> dict[int, list[str]]:
    """The keys of the cells of each task of a manifest, by index. Raises ``BadInput`` if it is not whole."""
    found = {}
    with _whole(path), path.open(encoding="utf-8") as file:
        count = json.loads(file.readline())["tasks"]
        for line in file:
            start, works, _ = line.partition(',"works":')
            task = json.loads(start + "}")
            if works and line.endswith("}\n"):
                found[task["task"]] = task["keys"]
        if len(found) != count:
            raise ValueError("tasks are missing")
    return found


def read_cells(path: Path) -> dict[int, list[Cell]]:
    """The cells of each task of a manifest, by index. Raises ``BadInput`` if it is not whole."""
    with _whole(path), path.open(encoding="utf-8") as file:
        count = json.loads(file.readline())["tasks"]
        tasks = [json.loads(line) for line in file]
        if len(tasks) != count:
            raise ValueError("tasks are missing")
        return {task["task"]: [_from_json(work).step.cell for work in task["works"]] for task in tasks}


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Whatever a damaged manifest raises is one line."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        hint = "it says which cells its jobs are for; restore or remove it"
        raise BadInput(f"{path}: is not a whole manifest; {hint}") from None


def _to_json(work: Work) -> dict[str, Any]:
    measures = [{"name": measure.name, **measure.model_dump(mode="json")} for measure in work.step.measures]
    given = {"scores_before": work.scores_before, "expected_seconds": work.expected_seconds}
    return {"cell": work.step.cell.to_json(), "measures": measures, **given}


def _from_json(data: dict[str, Any]) -> Work:
    measures = []
    for settings in data["measures"]:
        name = settings.pop("name")
        measures.append(MEASURES[name].model_validate(settings))
    step = Step(Cell.from_json(data["cell"]), tuple(measures))
    return Work(step, data["scores_before"], data["expected_seconds"])
