"""A database of many cells that were never trained, for measuring how long a report takes; no number in it is a result.

The cells are those of the paper, and then more of their like (seeds 3, 4 …, other numbers of epochs) until there are
enough; their keys are real. The rows go through the schema's own columns; curves and curvature are drawn from plain
formulas, so that every table, figure and claim finds something of the right shape.
"""

import hashlib
import itertools
import json
import math
import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sd import resource
from sd.plan.cell import Cell
from sd.plan.grid import read_grid
from sd.plan.measure import Curvature, Fidelity, Landscape, Robustness
from sd.plan.schedule import Step, plan
from sd.store.database import open_database
from sd.store.schema import Base

Row = dict[str, Any]

# More of the paper's like: 220 cells a seed and number of epochs.
_MORE = """\
name: more
defaults:
  {seeds: %s, rounds: 3, alpha: [0.2, 0.5, 0.8], sam: true, epochs: [600, 100, 200, 300],
   measure: [curvature, fidelity]}
cells:
  - {arch: [resnet18, vgg16, resnet20, resnet20_noskip], dataset: [cifar10, cifar100], aug: [std, aa_cutout],
     recipe: appendix_a}
  - {arch: resnet18, dataset: svhn, aug: none, recipe: svhn}
  - {arch: resnet18, dataset: tiny_imagenet, aug: crop_rotate, recipe: tiny_imagenet}
  - {arch: clip_rn50, dataset: imagenet, aug: none, recipe: clip_student, epochs: 90, tau: 1, seeds: 0, rounds: 1,
     alpha: [0, 0.2, 0.5, 0.8], teacher: zero_shot, sam: false, measure: [robustness]}
"""

# A teacher's accuracy in percent, about.
_LEVEL = {"cifar10": 95.0, "cifar100": 77.0, "svhn": 95.2, "tiny_imagenet": 62.5, "imagenet": 70.0, "digits": 97.5}

_POINTS = 21


def make(path: Path, *, cells: int, epochs: int) -> int:
    """Write the database; returns how many cells it has. ``epochs`` is of each cell's learning curve."""
    open_database(str(path), create=True).close()
    steps = _steps(path.parent, cells)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        for batch in _batched(steps, 200):
            found: dict[str, list[Row]] = {}
            for step in batch:
                for table, rows in _facts(step, epochs).items():
                    found.setdefault(table, []).extend(rows)
            for table in ["cells", *(name for name in found if name != "cells")]:
                _insert(connection, table, found[table])
        _insert(connection, "testbeds", _testbed())
        connection.execute("ANALYZE")
    return len(steps)


def _batched(steps: list[Step], size: int) -> Iterator[list[Step]]:
    for start in range(0, len(steps), size):
        yield steps[start : start + size]


def _steps(folder: Path, wanted: int) -> list[Step]:
    """So many cells, teachers first, in the order of their keys where that keeps the database's pages together."""
    seeds = list(range(max(3, math.ceil(wanted / 700))))
    (folder / "more.yaml").write_text(_MORE % json.dumps(seeds))
    whole = plan([read_grid(resource("jobs", "paper.yaml")), read_grid(folder / "more.yaml")])
    return list(whole.steps.values())[:wanted]


def _insert(connection: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    columns = [column.name for column in Base.metadata.tables[table].columns]
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    connection.executemany(statement, ([row.get(name) for name in columns] for row in rows))


def _facts(step: Step, epochs: int) -> dict[str, list[Row]]:
    cell = step.cell
    draw = random.Random(cell.key)
    top1 = _top1(cell, draw)
    own = {"cell_key": cell.key}
    attempt = {"id": cell.key, **own, **_ATTEMPT, "device": _DEVICE, "expected_seconds": 3_600.0}
    attempts = [attempt | {"number": 1, "status": "done", "seconds": draw.uniform(1_800, 5_400)}]
    if draw.random() < 0.05:
        failed = {"id": cell.key[::-1], "status": "failed", "seconds": 60.0, "error": "CUDA out of memory"}
        attempts = [attempts[0] | {"number": 2}, attempts[0] | failed]
    scores = {"best_test": top1, "last": top1 - draw.uniform(0, 0.3)}
    facts: dict[str, list[Row]] = {
        "cells": [_cell_row(cell)],
        "members": [own | {"place": n, "member_key": m.key} for n, m in enumerate(cell.members, start=1)],
        "attempts": attempts,
        "checkpoints": [
            own | {"checkpoint": name, "epoch": epochs, "sha256": _sha256(cell, name), "bytes": 44_700_000}
            for name in scores
        ],
        "evaluations": [
            own
            | {"checkpoint": name, "split": split, "top1": score if split == "test" else min(100, score + 4)}
            | {"top5": 99.9, "loss": (100 - score) / 25, "ece": 0.02, "n_samples": 10_000, "attempt_id": cell.key}
            for name, score in scores.items()
            for split in ("test", "train")
        ],
        "epochs": [] if cell.is_assembled else list(_curve(cell, epochs, scores["last"], draw)),
    }
    for measure in step.measures:
        if isinstance(measure, Curvature):
            _add(facts, _curvature(cell, measure, scores, draw))
        elif isinstance(measure, Landscape):
            _add(facts, _landscape(cell, measure, draw))
        elif isinstance(measure, Fidelity) and cell.teacher:
            _add(facts, _fidelity(cell, cell.teacher, measure, scores, draw))
        elif isinstance(measure, Robustness):
            _add(facts, _robustness(cell, measure, scores))
    return facts


def _add(facts: dict[str, list[Row]], more: dict[str, list[Row]]) -> None:
    for table, rows in more.items():
        facts.setdefault(table, []).extend(rows)


def _top1(cell: Cell, draw: random.Random) -> float:
    chain = random.Random(f"{cell.arch} {cell.dataset} {cell.aug}").uniform(-1, 1)
    gain = (0.3 if cell.round else 0.0) + (0.4 if cell.optimizer == "sam" else 0.0) + 0.2 * len(cell.members)
    return min(99.9, _LEVEL.get(cell.dataset, 90.0) + chain + gain + draw.gauss(0, 0.1))


def _curve(cell: Cell, epochs: int, last: float, draw: random.Random) -> Iterator[Row]:
    """A learning curve that rises towards the last accuracy, under a cosine."""
    for epoch in range(1, epochs + 1):
        done = epoch / epochs
        left = math.exp(-5 * done)
        top1 = last - (last - 30) * left + (1 - done) * draw.gauss(0, 0.5)
        yield {
            "cell_key": cell.key,
            "epoch": epoch,
            "learning_rate": 0.0125 * (1 + math.cos(math.pi * done)),
            "train_loss": 0.01 + 2 * left,
            "train_top1": 100 - 60 * left,
            "test_loss": 0.2 + 2 * left,
            "test_top1": top1,
            "seconds": 6.0,
        }


def _curvature(cell: Cell, measure: Curvature, scores: Iterable[str], draw: random.Random) -> dict[str, list[Row]]:
    rows, eigenvalues, spectrum = [], [], []
    for name, split in itertools.product(scores, measure.splits):
        trace = draw.gauss(200, 20) * (0.7 if cell.round else 1.0) * (1.5 if split == "test" else 1.0)
        place = {"cell_key": cell.key, "measure_key": measure.key, "checkpoint": name, "split": split}
        rows.append(
            place
            | _CURVATURE
            | {"checkpoint_sha256": _sha256(cell, name), "n_samples": measure.samples, "attempt_id": cell.key}
            | {"trace": trace, "trace_stderr": trace / 100, "lambda_max": trace / 20, "lambda_min": -trace / 400}
            | {"relative_trace": trace / 10, "relative_trace_stderr": trace / 1000}
        )
        eigenvalues += [
            place | {"rank": rank, "eigenvalue": trace / (19 + rank), "residual": 1e-4}
            for rank in range(1, measure.top + 1)
        ]
        if measure.top > 1:
            spectrum += [
                place | {"place": n, "node": trace / 20 * (n / 100) ** 4, "weight": 0.01} for n in range(1, 101)
            ]
    return {"curvature": rows, "eigenvalues": eigenvalues, "spectra": spectrum}


def _landscape(cell: Cell, measure: Landscape, draw: random.Random) -> dict[str, list[Row]]:
    rows, points = [], []
    steepness = draw.uniform(2, 4)
    axis = [-1 + 2 * n / (_POINTS - 1) for n in range(_POINTS)]
    for name, split, seed in itertools.product(measure.checkpoints, measure.splits, measure.seeds):
        place = {"cell_key": cell.key, "measure_key": measure.key, "checkpoint": name, "split": split, "seed": seed}
        rows.append(
            place
            | {"checkpoint_sha256": _sha256(cell, name), "n_samples": measure.samples, "subset_sha256": "0" * 64}
            | {"directions": "random", "normalise": "filter", "statistics": "kept", "norm_x": 1.0, "norm_y": 1.0}
            | {"seconds": 60.0, "attempt_id": cell.key}
        )
        points += [
            place | {"x": x, "y": y, "loss": 0.1 + steepness * (x * x + y * y), "top1": 90 - 20 * (x * x + y * y)}
            for x in axis
            for y in axis
        ]
    return {"landscapes": rows, "landscape_points": points}


def _fidelity(
    cell: Cell, teacher: Cell, measure: Fidelity, scores: Iterable[str], draw: random.Random
) -> dict[str, list[Row]]:
    mse = draw.uniform(1, 2) / cell.round
    row = {"mse": mse, "mse_centred": mse * 0.9, "agreement": 95.0, "kl": 0.05, "kl_tau": 0.1, "seconds": 1.0}
    row |= {"student_top1": 95.0, "teacher_top1": 95.0, "teacher_sha256": _sha256(teacher, "best_test")}
    return {"fidelity": [row | place for place in _places(cell, measure, scores)]}


def _robustness(cell: Cell, measure: Robustness, scores: Mapping[str, float]) -> dict[str, list[Row]]:
    same = {"severity": 0, "loss": 1.5, "ece": 0.05, "brier": 0.4, "seconds": 1.0, "images_sha256": "0" * 64}
    shift = {"imagenet": "imagenetv2", "cifar10": "cifar10.1"}.get(cell.dataset)
    losses = {"none": 0, shift: 10} if shift else {}
    return {
        "robustness": [
            row | same | {"shift": name, "top1": scores[row["checkpoint"]] - lost}
            for row in _places(cell, measure, scores)
            if row["checkpoint"] in measure.checkpoints
            for name, lost in losses.items()
        ]
    }


def _places(cell: Cell, measure: Fidelity | Robustness, scores: Iterable[str]) -> list[Row]:
    """What every row of a measure says, for each checkpoint and split."""
    same = {"cell_key": cell.key, "measure_key": measure.key, "n_samples": 10_000, "subset_sha256": "0" * 64}
    return [
        same | {"checkpoint": name, "split": split, "checkpoint_sha256": _sha256(cell, name), "attempt_id": cell.key}
        for name, split in itertools.product(scores, measure.splits)
    ]


def _testbed() -> list[Row]:
    """Standard models near the line of ImageNetV2, as many as are published."""
    draw = random.Random(0)
    same = {"testbed": "imagenet_v2", "family": "standard", "source_sha256": "0" * 64}
    accuracies = [55 + 30 * n / 85 for n in range(85)]
    return [
        same | {"name": f"model {n}", "id_top1": top1, "ood_top1": top1 - 11 + draw.gauss(0, 0.5)}
        for n, top1 in enumerate(accuracies)
    ]


def _cell_row(cell: Cell) -> Row:
    same = ("key", "setting", "label", "arch", "dataset", "aug", "label_noise", "optimizer", "round", "seed", "alpha")
    same += ("tau", "teacher_checkpoint", "protocol", "origin")
    of_recipe = ("epochs", "batch_size", "learning_rate", "momentum", "weight_decay", "precision")
    return {
        **{name: getattr(cell, name) for name in same},
        **{name: getattr(cell.recipe, name) for name in of_recipe},
        "model": cell.column,
        "method": cell.method if cell.teacher else None,
        "members": len(cell.members) or None,
        "teacher_members": (len(cell.teacher.members) or None) if cell.teacher else None,
        "teacher_key": cell.teacher.key if cell.teacher else None,
        "teacher_sha256": _sha256(cell.teacher, "best_test") if cell.teacher else None,
        "recipe": cell.recipe_name,
        "recipe_json": cell.recipe.model_dump_json(),
        "parameters": 11_173_962,
        "labels_changed": 0,
        "labels_sha256": "0" * 64,
        "petaflop": 100.0,
        "engine": "bf16 graphs",
    }


def _sha256(cell: Cell, checkpoint: str) -> str:
    return hashlib.sha256(f"{cell.key} {checkpoint}".encode()).hexdigest()


_DEVICE = "cuda:0 a made-up GPU"

_ATTEMPT: Row = {
    "number": 1,
    "started_at": "2026-01-01T00:00:00+00:00",
    "ended_at": "2026-01-01T01:00:00+00:00",
    "host": "nowhere",
    "pid": 1,
    "job_id": "1_1",
    "restart_count": 0,
    "threads": 8,
    "code_version": "0" * 40,
    "code_clean": True,
    "versions_json": "{}",
}

_CURVATURE: Row = {
    "subset_sha256": "0" * 64,
    "loss": "ce",
    "backend": "lanczos",
    "dtype": "float32",
    "trace_estimator": "gauss_newton",
    "probes": 100,
    "lambda_max_residual": 1e-4,
    "lambda_min_residual": 1e-4,
    "mean_loss": 0.1,
    "sharpness": 0.02,
    "rho": 0.05,
    "runs": 1,
    "steps": 60,
    "hvps": 60,
    "passes": 100,
    "converged": True,
    "seconds": 60.0,
}
