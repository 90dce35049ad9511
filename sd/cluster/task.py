"""What one task does: train a cell unless it is trained, take the measures that are missing, write the records."""

import contextlib
import hashlib
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sd.cluster.assembly import assemble
from sd.measure.robustness import Shifts, TestSet
from sd.measure.scratch import Scratch
from sd.measure.subset import fingerprint, stratified
from sd.measure.take import Subject, take
from sd.measure.watch import Watch as Progress
from sd.plan.cell import Cell, checkpoint_file
from sd.plan.cost import forward_gflop as planned_gflop
from sd.plan.cost import training_petaflop
from sd.plan.measure import Measure, Robustness
from sd.plan.schedule import Step
from sd.store.attempt import Attempt, Fenced
from sd.store.progress import (
    is_trained,
    known_scores,
    measure_is_done,
    measure_record,
    saved_checkpoints,
    train_record,
)
from sd.store.record import BadRecord, cell_folder, read_record, write_record
from sd.store.schema import HEADS, Base
from sd.train.answers import Source
from sd.train.datasets import Dataset, load, with_label_noise
from sd.train.evaluation import Evaluation, evaluate
from sd.train.models import build, forward_gflop, normalisation
from sd.train.state import RESUME, Epoch
from sd.train.teacher import load_trained
from sd.train.trainer import Control, Saved, Stopped, train


class MissingTeacher(Exception):
    """The teacher's record or checkpoint is not there, so the student cannot be trained."""


class NoDevice(Exception):
    """The device that was asked for is not there."""


@dataclass(frozen=True)
class Place:
    """Where a task works: folder of runs, folder of data sets, device, threads, and how often it saves its state."""

    root: Path
    data_root: Path | None
    device: str
    threads: int
    save_every: float


@dataclass(frozen=True)
class Watch:
    """How a task is watched: a call for each epoch, one for each word of a measure, and a question whether to stop."""

    on_epoch: Callable[[Epoch], None] = lambda _: None
    on_measure: Callable[[str, int], None] = lambda line, done: None
    should_stop: Callable[[], bool] = lambda: False


_TOLD_EVERY = 5.0
"""Seconds between two words about a measure's progress."""

_LOADED: dict[tuple[str, Path | None, str], Dataset] = {}


def run_step(
    step: Step,
    place: Place,
    watch: Watch,
    *,
    scores_before: dict[str, float] | None = None,
    expected_seconds: float | None = None,
) -> None:
    """Do whatever of ``step`` is not done yet, and write its records.

    Args:
        expected_seconds: what the launcher thought that this cell would take, to be held against what it took.
        scores_before: what a database knows of an earlier training of this cell whose record is gone
            (``known_scores``); a difference is recorded.

    Raises:
        MissingTeacher, BadCheckpoint: the teacher is not there or is not the one that its record names.
        Stopped: asked to stop; the state is saved.
        Fenced: a newer attempt has taken the cell over; nothing was written after that.
        BadInput: the data set is not there.
        NoDevice: the device is not there.
        OSError: the folder cannot be written.
    """
    cell = step.cell
    folder = cell_folder(place.root, cell.key)
    attempt = Attempt(folder, cell.key)
    attempt.facts.threads, attempt.facts.expected_seconds = place.threads, expected_seconds
    try:
        with attempt.heart():
            _do(step, place, watch, folder, attempt, scores_before or {})
    except Stopped:
        attempt.end("stopped")
        raise
    except Fenced:
        raise
    except BaseException as error:
        with contextlib.suppress(OSError):  # a full disk is the error that should be seen, not the one it causes here
            attempt.end("failed", error)
        raise
    attempt.end("done")


def _do(
    step: Step, place: Place, watch: Watch, folder: Path, attempt: Attempt, scores_before: dict[str, float]
) -> None:
    cell = step.cell
    torch.set_num_threads(place.threads)
    device = torch.device(place.device)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise NoDevice(f"a GPU was asked for, but torch finds none on {platform.node()}; --device cpu does without")
        torch.cuda.set_device(device)
        torch.backends.cudnn.allow_tf32 = False  # float32 means float32: curvature and scores are recorded as such
        torch.backends.cudnn.benchmark = True
    attempt.facts.device = _hardware(device)
    data = _data(cell, place, device)
    if not is_trained(folder):
        attempt.beat(doing="training", epochs=cell.recipe.trained_epochs)
        before = known_scores(folder) or scores_before
        make = _assemble if cell.is_assembled else _train
        make(cell, data, folder, attempt, place, watch, before)
    for measure in step.measures:
        if not measure_is_done(folder, measure):
            attempt.beat(doing=measure.name)
            _measure(cell, measure, data, folder, attempt, place, watch)


@cache
def _hardware(device: torch.device) -> str:
    """A device by name: ``cuda:0 NVIDIA H100 80GB HBM3``, or ``cpu`` and the processor's model where Linux tells it."""
    if device.type == "cuda":
        return f"{device} {torch.cuda.get_device_name(device)}"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"cpu {line.partition(':')[2].strip()}"
    return f"cpu {platform.machine()}"


def _data(cell: Cell, place: Place, device: torch.device) -> Dataset:
    """The cell's data on its device, normalised as its architecture wants."""
    clean = _loaded(cell.dataset, place)
    noisy = with_label_noise(replace(clean, train_labels=clean.train_labels.cpu()), cell.label_noise, cell.seed)
    data = replace(clean, train_labels=noisy.train_labels.to(device))
    mean, std = normalisation(cell.arch) or (data.mean, data.std)
    return replace(data, mean=mean, std=std)


def _loaded(name: str, place: Place) -> Dataset:
    """A data set on its device, read once a process."""
    known = (name, place.data_root, place.device)
    if known not in _LOADED:
        _LOADED[known] = load(name, place.data_root).to(torch.device(place.device))
    return _LOADED[known]


def _train(
    cell: Cell, data: Dataset, folder: Path, attempt: Attempt, place: Place, watch: Watch, before: dict[str, float]
) -> None:
    device = torch.device(place.device)
    teacher_sha256, teacher = _teacher(cell, data, place, device)
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
        "cells": [_cell_row(cell, data, teacher_sha256) | {"engine": str(trained.engine)}],
        "epochs": [{"cell_key": cell.key, **asdict(epoch)} for epoch in trained.history],
        "checkpoints": [{"cell_key": cell.key, "checkpoint": name, **asdict(it)} for name, it in trained.saved.items()],
        "evaluations": _evaluations(cell, data, folder, trained.saved, device, attempt),
    }
    _write(cell, folder, attempt, tables, before, trained.facts)


def _assemble(
    cell: Cell, data: Dataset, folder: Path, attempt: Attempt, place: Place, watch: Watch, before: dict[str, float]
) -> None:
    """Put a cell together from trained ones; it is scored on the test split."""
    device = torch.device(place.device)
    saved, scores = assemble(cell, data, root=place.root, device=device, check=attempt.check)
    key = {"cell_key": cell.key}
    tables = {
        "cells": [_cell_row(cell, data, None) | {"engine": "assembled"}],
        "members": [{**key, "place": at, "member_key": it.key} for at, it in enumerate(cell.members, 1)],
        "epochs": [],
        "checkpoints": [{**key, "checkpoint": name, **asdict(it)} for name, it in saved.items()],
        "evaluations": [_evaluation(cell, name, "test", score, attempt) for name, score in scores.items()],
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
    tables["discrepancies"] = _discrepancies(cell, tables["evaluations"], before)
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


def _teacher(cell: Cell, data: Dataset, place: Place, device: torch.device) -> tuple[str | None, nn.Module | None]:
    """The teacher's checkpoint hash and its frozen model, from its own record (a job dependency is only a hint)."""
    if cell.teacher is None:
        return None, None
    folder = cell_folder(place.root, cell.teacher.key)
    try:
        sha256 = saved_checkpoints(folder)[cell.teacher_checkpoint or ""]["sha256"]
    except (BadRecord, LookupError) as error:
        raise MissingTeacher(f"the teacher ({cell.teacher.label}) has no record: {error}") from None
    path = folder / checkpoint_file(cell.teacher_checkpoint or "", sha256)
    return sha256, load_trained(cell.teacher, path, sha256, data.classes, device)


def _who_taught(cell: Cell, data: Dataset, place: Place, device: torch.device) -> tuple[str, nn.Module]:
    """The checkpoint that taught a trained student, by its hash in the student's record, and the model in it.

    Raises:
        MissingTeacher: it is gone, as where the teacher has been trained again, to other bits.
    """
    assert cell.teacher is not None
    own = cell_folder(place.root, cell.key)
    sha256 = str(read_record(train_record(own))["tables"]["cells"][0]["teacher_sha256"])
    path = cell_folder(place.root, cell.teacher.key) / checkpoint_file(cell.teacher_checkpoint or "", sha256)
    if not path.exists():
        hint = f"where the teacher was trained again, remove {own} to train this student again, too"
        raise MissingTeacher(f"the checkpoint that taught {cell.label} is not there ({path}); {hint}")
    return sha256, load_trained(cell.teacher, path, sha256, data.classes, device)


def _model_at(cell: Cell, folder: Path, checkpoint: str, sha256: str, data: Dataset, device: torch.device) -> nn.Module:
    """A checkpoint of the cell itself, read back from disk."""
    return load_trained(cell, folder / checkpoint_file(checkpoint, sha256), sha256, data.classes, device)


def _evaluations(
    cell: Cell, data: Dataset, folder: Path, saved: dict[str, Saved], device: torch.device, attempt: Attempt
) -> list[dict[str, Any]]:
    """Every checkpoint, read back from disk, scored on both splits; train labels are those that were trained on.

    Checkpoints of one epoch hold the same weights, which are scored once.
    """
    rows: list[dict[str, Any]] = []
    scored: dict[int, dict[str, Evaluation]] = {}
    for name, checkpoint in saved.items():
        model = _model_at(cell, folder, name, checkpoint.sha256, data, device)
        if checkpoint.epoch not in scored:
            scored[checkpoint.epoch] = {
                split: evaluate(model, *data.split(split), mean=data.mean, std=data.std) for split in ("train", "test")
            }
        rows += [_evaluation(cell, name, split, it, attempt) for split, it in scored[checkpoint.epoch].items()]
    return rows


def _evaluation(cell: Cell, checkpoint: str, split: str, score: Evaluation, attempt: Attempt) -> dict[str, Any]:
    """A row of table ``evaluations``."""
    found = asdict(score)
    of = {"cell_key": cell.key, "checkpoint": checkpoint, "split": split, "n_samples": found.pop("n")}
    return of | found | {"attempt_id": attempt.facts.id}


def _discrepancies(cell: Cell, rows: list[dict[str, Any]], before: dict[str, float]) -> list[dict[str, Any]]:
    """Where a cell that was trained before now scores differently."""
    return [
        {
            "cell_key": cell.key,
            "checkpoint": row["checkpoint"],
            "split": row["split"],
            "top1_before": before[place],
            "top1_now": row["top1"],
        }
        for row in rows
        if (place := f"{row['checkpoint']}/{row['split']}") in before and before[place] != row["top1"]
    ]


def _cell_row(cell: Cell, data: Dataset, teacher_sha256: str | None) -> dict[str, Any]:
    """The row of table ``cells``."""
    recipe = cell.recipe
    labels = data.train_labels.cpu()
    model = build(cell.arch, data.classes)
    gflop = planned_gflop(cell) or forward_gflop(model, data.train_images.shape[-1])
    return {
        "key": cell.key,
        "setting": cell.setting,
        "label": cell.label,
        "arch": cell.arch,
        "dataset": cell.dataset,
        "aug": cell.aug,
        "label_noise": cell.label_noise,
        "model": cell.column,
        "origin": cell.origin,
        "method": cell.method if cell.teacher else None,
        "members": len(cell.members) or None,
        "teacher_members": (len(cell.teacher.members) or None) if cell.teacher else None,
        "optimizer": cell.optimizer,
        "round": cell.round,
        "seed": cell.seed,
        "alpha": cell.alpha,
        "tau": cell.tau,
        "teacher_key": cell.teacher.key if cell.teacher else None,
        "teacher_checkpoint": cell.teacher_checkpoint,
        "teacher_sha256": teacher_sha256,
        "recipe": cell.recipe_name,
        "protocol": cell.protocol,
        "epochs": recipe.trained_epochs,
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "momentum": recipe.momentum,
        "weight_decay": recipe.weight_decay,
        "precision": recipe.precision,
        "recipe_json": recipe.model_dump_json(),
        "parameters": sum(p.numel() for p in model.parameters()) * max(1, len(cell.members)),
        "labels_changed": round(cell.label_noise * len(labels)),
        "labels_sha256": hashlib.sha256(labels.numpy().astype("<i8").tobytes()).hexdigest(),
        "petaflop": training_petaflop(cell, len(labels), gflop),
    }


def _measure(
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
    teacher_sha256, teacher = _who_taught(cell, data, place, device) if measure.needs_teacher else (None, None)
    for name in measure.checkpoints:
        model = _model_at(cell, folder, name, saved[name], data, device)
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
        data = _loaded(name, place)
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
