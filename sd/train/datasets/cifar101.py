"""CIFAR-10.1 (Recht et al. 2018): a test set collected anew for CIFAR-10, in numpy's own files.

Version 6 is exactly balanced over the classes and is the recommended one; version 4 has 2,021 images.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sd.train.datasets.github import GitHubFile
from sd.train.datasets.originals import Images, Labels


def _of(file: str, blob: str) -> GitHubFile:
    commit = "d9982abb0bfc4846b8d13a11e66b887d946205d0"
    return GitHubFile("modestyachts/CIFAR-10.1", commit, f"datasets/{file}", blob)


# Pixels and labels.
CIFAR101 = {
    "cifar10.1": (
        _of("cifar10.1_v6_data.npy", "24349cc5f3fb59648d75cd8015b5a184b1f5c250"),
        _of("cifar10.1_v6_labels.npy", "e713b09cecf2ecd933970001909fcdec7c907ab0"),
    ),
    "cifar10.1_v4": (
        _of("cifar10.1_v4_data.npy", "1094f59a54cf768f7b1ca5029eb4a94b8c635ebe"),
        _of("cifar10.1_v4_labels.npy", "64acdcc7ba98d0554f9c9fe00c5483d9247e61df"),
    ),
}


def cifar101_folder(root: Path) -> Path:
    """Where the published files lie."""
    return root / "cifar10.1"


def fetch_cifar101(name: str, root: Path) -> None:
    """Download the files unless they are there. Raises ``OSError`` or ``RuntimeError``."""
    for file in CIFAR101[name]:
        file.fetch(cifar101_folder(root))


def read_cifar101(name: str, root: Path) -> tuple[Images, Labels]:
    """Images (n, 3, 32, 32) in C order, and labels (n,). Raises ``OSError``: a file is missing or not as published."""
    images, labels = (_read(file, cifar101_folder(root) / file.name) for file in CIFAR101[name])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels.astype(np.int64)


def _read(file: GitHubFile, path: Path) -> NDArray[Any]:
    if not file.is_whole(path):
        raise OSError(f"{path} is not the published file")
    array: NDArray[Any] = np.load(path, allow_pickle=False)
    return array
