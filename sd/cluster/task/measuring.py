"""A measure is taken of a trained cell, from where an earlier attempt left it, and its record written."""

import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sd.cluster.task.place import Place, Watch
from sd.cluster.task.sources import data_set, model_at, who_taught
from sd.measure.robustness import Shifts, TestSet
from sd.measure.scratch import Scratch
from sd.measure.subset import fingerprint, stratified
from sd.measure.take import Subject, take
from sd.measure.watch import Watch as Progress
from sd.plan.cell import Cell
from sd.plan.measure import Measure, Robustness
from sd.store.attempt import Attempt
from sd.store.progress import measure_record, saved_checkpoints
from sd.store.record import write_record
from sd.store.schema import HEADS, Base
from sd.train.datasets import Dataset
from sd.train.trainer import Stopped

_TOLD_EVERY = 5.0
"""Seconds between two words about a measure's progress."""


def measure_cell(
    cell: Cell, measure: Measure, data: Dataset, folder: Path, attempt: Attempt, place: Place, watch: Watch
) -> None:
    """A measure on fixed subsets, against the labels that were trained on (on the test split: the true ones).

    What is found of a checkpoint and split is kept beside the records until the measure's own record is written, so
    that a job that is stopped or killed measures on from where it was.
    """
    device = torch.device(place.device)
    partial = measure_record(folder, measure).with_suffix(".partial")
    tables: dict[str, list[dict[str, Any]]] = {}
    saved = {name: row["sha256"] for name, row in saved_checkpoints(folder).items()}
    teacher_sha256, teacher = who_taught(cell, data, place, device) if measure.needs_teacher else (None, None)
    for name in measure.checkpoints:
        model = model_at(cell, folder, name, saved[name], data, device)
        for split in measure.splits:
            chosen, subject = _subject(cell, measure, data, split, model, teacher)
            if isinstance(measure, Robustness):
                subject = replace(subject, shifts=_shifts(cell, measure, place))
            scratch = Scratch(
                partial / f"{name}-{split}",
                subject.fingerprint(measure, attempt.facts.code_version),
                save_every=place.save_every,
                before_write=attempt.check,
            )
            known = scratch.kept("rows")
            found = known or take(measure, subject, scratch, _told(measure, attempt, watch))
            if known is None:
                scratch.keep("rows", found)
            of = {"cell_key": cell.key, "measure_key": measure.key, "checkpoint": name, "split": split}
            source = {
                "checkpoint_sha256": saved[name],
                "subset_sha256": fingerprint(chosen),
                "attempt_id": attempt.facts.id,
            }
            if "teacher_sha256" in Base.metadata.tables[HEADS[measure.name]].columns:
                source["teacher_sha256"] = teacher_sha256
            for table, rows in found.items():
                more = of | source if table == HEADS[measure.name] else of
                tables.setdefault(table, []).extend(more | row for row in rows)
    attempt.check()
    write_record(
        measure_record(folder, measure),
        measure.name,
        tables,
        settings=measure.model_dump(mode="json"),
        attempt=asdict(attempt.facts),
    )
    shutil.rmtree(partial, ignore_errors=True)


def _subject(
    cell: Cell, measure: Measure, data: Dataset, split: str, model: nn.Module, teacher: nn.Module | None
) -> tuple[Tensor, Subject]:
    """Which images of a split a measure is taken of, and what it is taken of, on the device of the data's labels."""
    images, labels = data.split(split)
    chosen = stratified(labels, measure.images_of(len(labels)))
    if measure.as_stored:
        tau = 1.0 if cell.tau is None else cell.tau
        return chosen, Subject(model, images, labels, teacher, rows=chosen, mean=data.mean, std=data.std, tau=tau)
    seen = data.normalise(images[chosen.to(images.device)].to(labels.device))
    return chosen, Subject(model, seen, labels[chosen.to(labels.device)], teacher)


def _shifts(cell: Cell, measure: Robustness, place: Place) -> Shifts:
    """What a cell's robustness is measured under; corrupted sets are shared by all cells of the folder of runs."""
    natural: dict[str, TestSet] = {}
    for name in measure.test_sets(cell):
        data = data_set(name, place)
        rows = stratified(data.test_labels, measure.images_of(len(data.test_labels)))
        natural[name] = TestSet(data.test_images, data.test_labels, rows)
    folder = place.root / "corrupted"
    return Shifts(measure.corruptions_of(cell), measure.severities, natural, measure.seed, folder)


def _told(measure: Measure, attempt: Attempt, watch: Watch) -> Progress:
    """The measure's progress, told to whoever watches the attempt; it stops where the task is asked to."""
    last = time.monotonic()

    def advance(doing: str, done: int, total: int) -> None:
        nonlocal last
        if watch.should_stop():
            raise Stopped
        if time.monotonic() - last >= _TOLD_EVERY:
            line = f"{measure.name}: {doing} {done}/{total}"
            attempt.beat(doing=line)
            watch.on_measure(line, done)
            last = time.monotonic()

    return Progress(lambda line: watch.on_measure(line, 0), advance)
