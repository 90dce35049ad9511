"""What one task does: train a cell unless it is trained, take the measures that are missing, write the records."""

import contextlib
from pathlib import Path

import torch

from sd.cluster.task.measuring import measure_cell
from sd.cluster.task.place import Place, Watch
from sd.cluster.task.sources import data_of, device_of, hardware
from sd.cluster.task.training import assemble_cell, train_cell
from sd.plan.schedule import Step
from sd.store.attempt import Attempt, Fenced
from sd.store.progress import is_trained, known_scores, measure_is_done
from sd.store.record import cell_folder
from sd.train.trainer import Stopped


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
    device = device_of(place)
    attempt.facts.device = hardware(device)
    data = data_of(cell, place, device)
    if not is_trained(folder):
        attempt.beat(doing="training", epochs=cell.recipe.trained_epochs)
        before = known_scores(folder) or scores_before
        make = assemble_cell if cell.is_assembled else train_cell
        make(cell, data, folder, attempt, place, watch, before)
    for measure in step.measures:
        if not measure_is_done(folder, measure):
            attempt.beat(doing=measure.name)
            measure_cell(cell, measure, data, folder, attempt, place, watch)
