"""A cell is trained, or put together from trained ones, and its record written."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from sd.cluster.task.assembly import assemble
from sd.cluster.task.place import Place, Watch
from sd.cluster.task.rows import cell_row, discrepancies, evaluation_row
from sd.cluster.task.sources import model_at, teacher_of
from sd.plan.cell import Cell, checkpoint_file
from sd.store.attempt import Attempt
from sd.store.progress import is_trained, saved_checkpoints, train_record
from sd.store.record import cell_folder, write_record
from sd.train.answers import Source
from sd.train.datasets import Dataset
from sd.train.evaluation import Evaluation, evaluate
from sd.train.state import RESUME, Epoch
from sd.train.trainer import Control, Saved, train


def train_cell(
    cell: Cell, data: Dataset, folder: Path, attempt: Attempt, place: Place, watch: Watch, before: dict[str, float]
) -> None:
    """Train a cell, taught by its teacher where it has one, score its checkpoints, and write its record.

    Args:
        before: what an earlier training of this cell scored; a difference is recorded.

    Raises:
        MissingTeacher, BadCheckpoint, Stopped, Fenced, Diverged, OSError: as ``run_step``.
    """
    device = torch.device(place.device)
    teacher_sha256, teacher = teacher_of(cell, data, place, device)
    answers = None
    if cell.teacher and teacher_sha256:
        answers = Source(cell_folder(place.root, cell.teacher.key), teacher_sha256, cell.dataset)

    def on_epoch(facts: Epoch) -> None:
        scored = {} if facts.test_top1 is None else {"test_top1": facts.test_top1}
        attempt.beat(epoch=facts.epoch, seconds_per_epoch=facts.seconds, **scored)
        watch.on_epoch(facts)

    control = Control(on_epoch, watch.should_stop, attempt.check, place.save_every)
    trained = train(cell, data, teacher, folder=folder, device=device, control=control, answers=answers)
    if is_trained(folder):
        _keep_what_is_named(folder)  # an attempt that was thought dead has finished first: its training counts
        return
    tables = {
        "cells": [cell_row(cell, data, teacher_sha256) | {"engine": str(trained.engine)}],
        "epochs": [{"cell_key": cell.key, **asdict(epoch)} for epoch in trained.history],
        "checkpoints": [{"cell_key": cell.key, "checkpoint": name, **asdict(it)} for name, it in trained.saved.items()],
        "evaluations": _evaluations(cell, data, folder, trained.saved, device, attempt),
    }
    _write(cell, folder, attempt, tables, before, trained.facts)


def assemble_cell(
    cell: Cell, data: Dataset, folder: Path, attempt: Attempt, place: Place, watch: Watch, before: dict[str, float]
) -> None:
    """Put a cell together from trained ones, and write its record; it is scored on the test split."""
    device = torch.device(place.device)
    saved, scores = assemble(cell, data, root=place.root, device=device, check=attempt.check)
    key = {"cell_key": cell.key}
    tables = {
        "cells": [cell_row(cell, data, None) | {"engine": "assembled"}],
        "members": [{**key, "place": at, "member_key": it.key} for at, it in enumerate(cell.members, 1)],
        "epochs": [],
        "checkpoints": [{**key, "checkpoint": name, **asdict(it)} for name, it in saved.items()],
        "evaluations": [evaluation_row(cell, name, "test", score, attempt) for name, score in scores.items()],
    }
    _write(cell, folder, attempt, tables, before)


def _write(
    cell: Cell,
    folder: Path,
    attempt: Attempt,
    tables: dict[str, list[dict[str, Any]]],
    before: dict[str, float],
    control: dict[str, float] | None = None,
) -> None:
    """Write the record of a cell that has been trained or assembled, and what a control found before its training."""
    tables["discrepancies"] = discrepancies(cell, tables["evaluations"], before)
    attempt.check()
    if not is_trained(folder):
        more = {"control": control} if control else {}
        write_record(train_record(folder), "train", tables, cell=cell.to_json(), attempt=asdict(attempt.facts), **more)
    _keep_what_is_named(folder)


def _keep_what_is_named(folder: Path) -> None:
    """Remove the saved state, and checkpoints that the training record does not name."""
    named = {checkpoint_file(name, row["sha256"]) for name, row in saved_checkpoints(folder).items()}
    for path in [folder / RESUME, *(path for path in folder.glob("*-*.pt") if path.name not in named)]:
        path.unlink(missing_ok=True)


def _evaluations(
    cell: Cell, data: Dataset, folder: Path, saved: dict[str, Saved], device: torch.device, attempt: Attempt
) -> list[dict[str, Any]]:
    """Every checkpoint, read back from disk, scored on both splits; train labels are those that were trained on.

    Checkpoints of one epoch hold the same weights, which are scored once.
    """
    rows: list[dict[str, Any]] = []
    scored: dict[int, dict[str, Evaluation]] = {}
    for name, checkpoint in saved.items():
        model = model_at(cell, folder, name, checkpoint.sha256, data, device)
        if checkpoint.epoch not in scored:
            scored[checkpoint.epoch] = {
                split: evaluate(model, *data.split(split), mean=data.mean, std=data.std) for split in ("train", "test")
            }
        rows += [evaluation_row(cell, name, split, it, attempt) for split, it in scored[checkpoint.epoch].items()]
    return rows
