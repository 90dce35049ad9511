"""The data sets that were published as arrays of 32×32 pixels: CIFAR, SVHN (torchvision reads them) and CIFAR-10.1."""

from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from sd import BadInput
from sd.train.datasets.cifar101 import CIFAR101, cifar101_folder, fetch_cifar101, read_cifar101
from sd.train.datasets.originals import Images, Labels, Originals, Split
from sd.train.datasets.place import prepare_command

_CLASSES = {"cifar10": "CIFAR10", "cifar100": "CIFAR100", "svhn": "SVHN"}
ARRAYS = (*_CLASSES, *CIFAR101)


def fetch_arrays(name: str, root: Path) -> None:
    """Download the files unless they are there. Raises ``OSError`` or ``RuntimeError``."""
    if name in CIFAR101:
        fetch_cifar101(name, root)
        return
    for split in ("train", "test"):
        _read(name, root, split, download=True)


def array_files(name: str, root: Path) -> dict[Path, str]:
    """The published files with their hash: SVHN's lie in ``root`` itself, the others in a folder of their own."""
    if name in CIFAR101:
        return {cifar101_folder(root) / file.name: f"git {file.blob}" for file in CIFAR101[name]}
    kind = _torchvision_class(name)
    if name == "svhn":
        return {root / file: f"md5 {md5}" for _, file, md5 in (kind.split_list[split] for split in ("train", "test"))}
    return {root / kind.base_folder / file: f"md5 {md5}" for file, md5 in (*kind.train_list, *kind.test_list)}


def read_arrays(name: str, root: Path) -> dict[str, tuple[Images, Labels]]:
    """Images (n, 3, 32, 32) in C order and labels (n,) of ``train`` and ``test``.

    Raises:
        BadInput: a file is missing or is not the published one.
    """
    try:
        if name in CIFAR101:
            return {"train": _nothing(), "test": read_cifar101(name, root)}
        found = {split: _read(name, root, split) for split in ("train", "test")}
    except (RuntimeError, OSError, EOFError):
        raise BadInput(f"{name} is not (whole) under {root}; fetch it with: {prepare_command(name, root)}") from None
    return {split: _images_and_labels(name, data) for split, data in found.items()}


def array_originals(name: str, root: Path) -> Originals:
    """The data set for conversion."""
    splits = {split: _held(*content) for split, content in read_arrays(name, root).items()}
    return Originals(**splits, identity={file.name: known for file, known in array_files(name, root).items()})


def _held(images: Images, labels: Labels) -> Split:
    def read(start: int, stop: int, _: Executor) -> Images:
        return images[start:stop]

    return Split(labels, read)


def _nothing() -> tuple[Images, Labels]:
    """The training split of a data set for evaluation."""
    return np.zeros((0, 3, 32, 32), np.uint8), np.zeros(0, np.int64)


def _images_and_labels(name: str, data: Any) -> tuple[Images, Labels]:
    if name == "svhn":  # torchvision has put the channels first, and the label 10 of the digit 0 is 0
        return np.ascontiguousarray(data.data), np.asarray(data.labels, np.int64)
    return np.ascontiguousarray(np.asarray(data.data).transpose(0, 3, 1, 2)), np.asarray(data.targets, np.int64)


def _read(name: str, root: Path, split: str, *, download: bool = False) -> Any:
    which = {"split": split} if name == "svhn" else {"train": split == "train"}
    return _torchvision_class(name)(root, **which, download=download)


def _torchvision_class(name: str) -> Any:
    import torchvision.datasets

    return getattr(torchvision.datasets, _CLASSES[name])
