"""The data sets that a grid can name, as uint8 tensors, and how to add one."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sd import BadInput
from sd.plan.catalogue import dataset_hint, is_own, nearest
from sd.train.own import own_dataset
from sd.train.randomness import generator


@dataclass(frozen=True)
class Dataset:
    """A data set as it is held on the device during training.

    Attributes:
        train_images, test_images: uint8, (n, 3, 32, 32).
        train_labels, test_labels: int64, (n,), in [0, classes).
        mean, std: per channel, of images scaled to [0, 1].
        policy: AutoAugment's policy for it.
        cutout: side of the square that Cutout hides, in pixels (spec H12).
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    policy: str = "cifar10"
    cutout: int = 16

    def to(self, device: torch.device) -> "Dataset":
        """The same data on ``device``."""
        return replace(
            self,
            train_images=self.train_images.to(device),
            train_labels=self.train_labels.to(device),
            test_images=self.test_images.to(device),
            test_labels=self.test_labels.to(device),
        )

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Images and labels of ``"train"`` or ``"test"``."""
        if name == "train":
            return self.train_images, self.train_labels
        return self.test_images, self.test_labels

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 (n, 3, h, w) to float32 with zero mean and unit variance a channel, channels last in memory."""
        gain = torch.tensor([1 / (255 * s) for s in self.std], device=images.device).view(1, 3, 1, 1)
        shift = torch.tensor([m / s for m, s in zip(self.mean, self.std, strict=True)], device=images.device)
        scaled = images.to(torch.float32, memory_format=torch.channels_last).mul_(gain)
        return scaled.sub_(shift.view(1, 3, 1, 1))


def data_root(given: Path | None = None) -> Path:
    """Where data sets lie: what was given, else ``SD_DATA``, else ``data/`` here."""
    return given or Path(os.environ.get("SD_DATA") or "data")


def load(name: str, root: Path | None = None) -> Dataset:
    """The named data set on the CPU.

    Raises:
        BadInput: an unknown name, or a data set that is not under ``root``; the text names the command that fetches it.
            Of a user's own, ``module:function``: that it cannot be found, or fails, or returns something else.
    """
    if is_own(name):
        return own_dataset(name, data_root(root))
    if name not in LOADERS:
        raise BadInput(f"{name!r} is not a known data set; {dataset_hint(name)}")
    return LOADERS[name](data_root(root))


def prepare(name: str, root: Path | None = None) -> None:
    """Download a data set to ``root`` unless it is there, checked against torchvision's checksums.

    Raises:
        BadInput: an unknown name, no network, a full or read-only disk, or a download that is not what it should be.
    """
    if name not in LOADERS:
        raise BadInput(f"{name!r} is not a known data set; {nearest(name, LOADERS)}")
    if name in _TORCHVISION:
        fetch = _torchvision_class(name)
        try:
            fetch(data_root(root), download=True)
        except (OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            folder = f"{data_root(root)}/{getattr(fetch, 'base_folder', name)}"
            raise BadInput(f"{name} cannot be fetched ({reason}); or put its official files into {folder}") from None
    load(name, root)


def with_label_noise(data: Dataset, fraction: float, seed: int) -> Dataset:
    """``data`` with ``fraction`` of the training labels replaced, each by another class drawn uniformly.

    Symmetric noise that never hits the true class: exactly ``round(fraction · n)`` labels are wrong afterwards. Which
    ones depends on ``seed`` alone, so that all cells of a chain, teacher and students, see the same labels.
    """
    if not fraction:
        return data
    n = len(data.train_labels)
    draws = generator(torch.device("cpu"), seed, "label noise")
    chosen = torch.randperm(n, generator=draws)[: round(fraction * n)]
    shift = torch.randint(1, data.classes, (len(chosen),), generator=draws)
    labels = data.train_labels.clone()
    labels[chosen] = (labels[chosen] + shift) % data.classes
    return replace(data, train_labels=labels)


def _digits(_: Path) -> Dataset:
    """scikit-learn's 1,797 handwritten digits (UCI, 8×8, 17 grey levels), enlarged to 32×32, three equal channels.

    Split 1,000/797, stratified, fixed (``random_state=0``).
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    train, test = train_test_split(np.arange(1797), train_size=1000, stratify=raw.target, random_state=0)
    small = torch.from_numpy(raw.images).float().unsqueeze(1) * (255 / 16)
    large = torch.nn.functional.interpolate(small, size=32, mode="bilinear", align_corners=False)
    images = large.round().clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1).contiguous()
    labels = torch.from_numpy(raw.target).long()
    pixels = images[train].float() / 255
    mean, std = float(pixels.mean()), float(pixels.std())
    return Dataset(images[train], labels[train], images[test], labels[test], 10, (mean, mean, mean), (std, std, std))


# Channel means and standard deviations: CIFAR-10's are those of the DARTS recipe (spec 3.1).
_TORCHVISION = {
    "cifar10": ("CIFAR10", 10, (0.49139968, 0.48215827, 0.44653124), (0.24703233, 0.24348505, 0.26158768)),
    "cifar100": ("CIFAR100", 100, (0.5070752, 0.4865490, 0.4409179), (0.2673344, 0.2564384, 0.2761505)),
}


def _torchvision_class(name: str) -> Callable[..., object]:
    import torchvision.datasets

    found: Callable[..., object] = getattr(torchvision.datasets, _TORCHVISION[name][0])
    return found


def _torchvision_split(name: str, root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """uint8 (n, 3, 32, 32) and int64 (n,), from the files that torchvision reads and checks."""
    try:
        split: Any = _torchvision_class(name)(root, train=train, download=False)
    except (RuntimeError, OSError, EOFError):
        command = f"python -m sd.data prepare {name} --data-root {root}"
        raise BadInput(f"{name} is not (whole) under {root}; fetch it with: {command}") from None
    return torch.from_numpy(np.asarray(split.data)).permute(0, 3, 1, 2).contiguous(), torch.tensor(split.targets)


def _torchvision(name: str) -> Callable[[Path], Dataset]:
    def read(root: Path) -> Dataset:
        _, classes, mean, std = _TORCHVISION[name]
        train, test = (_torchvision_split(name, root, train=train) for train in (True, False))
        return Dataset(*train, *test, classes=classes, mean=mean, std=std, cutout=8 if name == "cifar100" else 16)

    return read


LOADERS: dict[str, Callable[[Path], Dataset]] = {
    "digits": _digits,
    "cifar10": _torchvision("cifar10"),
    "cifar100": _torchvision("cifar100"),
}
