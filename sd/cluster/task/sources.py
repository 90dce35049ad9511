"""What a task works with: the device, the data on it, and the models that earlier tasks left, by their hashes."""

import contextlib
import platform
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from torch import nn

from sd.cluster.task.place import Place
from sd.plan.cell import Cell, checkpoint_file
from sd.store.progress import saved_checkpoints, train_record
from sd.store.record import BadRecord, cell_folder, read_record
from sd.train.datasets import Dataset, load, with_label_noise
from sd.train.models import normalisation
from sd.train.teacher import load_trained

_LOADED: dict[tuple[str, Path | None, str], Dataset] = {}


class MissingTeacher(Exception):
    """The teacher's record or checkpoint is not there, so the student cannot be trained."""


class NoDevice(Exception):
    """The device that was asked for is not there."""


def device_of(place: Place) -> torch.device:
    """The device that a task was given, in the state that everything here counts on.

    Raises:
        NoDevice: it is not there.
    """
    device = torch.device(place.device)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise NoDevice(f"a GPU was asked for, but torch finds none on {platform.node()}; --device cpu does without")
        torch.cuda.set_device(device)
        torch.backends.cudnn.allow_tf32 = False  # float32 means float32: curvature and scores are recorded as such
        torch.backends.cudnn.benchmark = True
    return device


@cache
def hardware(device: torch.device) -> str:
    """A device by name: ``cuda:0 NVIDIA H100 80GB HBM3``, or ``cpu`` and the processor's model where Linux tells it."""
    if device.type == "cuda":
        return f"{device} {torch.cuda.get_device_name(device)}"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"cpu {line.partition(':')[2].strip()}"
    return f"cpu {platform.machine()}"


def data_of(cell: Cell, place: Place, device: torch.device) -> Dataset:
    """The cell's data on its device, normalised as its architecture wants."""
    clean = data_set(cell.dataset, place)
    noisy = with_label_noise(replace(clean, train_labels=clean.train_labels.cpu()), cell.label_noise, cell.seed)
    data = replace(clean, train_labels=noisy.train_labels.to(device))
    mean, std = normalisation(cell.arch) or (data.mean, data.std)
    return replace(data, mean=mean, std=std)


def data_set(name: str, place: Place) -> Dataset:
    """A data set on its device, read once a process."""
    known = (name, place.data_root, place.device)
    if known not in _LOADED:
        _LOADED[known] = load(name, place.data_root).to(torch.device(place.device))
    return _LOADED[known]


def teacher_of(cell: Cell, data: Dataset, place: Place, device: torch.device) -> tuple[str | None, nn.Module | None]:
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


def who_taught(cell: Cell, data: Dataset, place: Place, device: torch.device) -> tuple[str, nn.Module]:
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


def model_at(cell: Cell, folder: Path, checkpoint: str, sha256: str, data: Dataset, device: torch.device) -> nn.Module:
    """A checkpoint of the cell itself, read back from disk."""
    return load_trained(cell, folder / checkpoint_file(checkpoint, sha256), sha256, data.classes, device)
