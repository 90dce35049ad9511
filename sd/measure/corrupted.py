"""A corrupted test set, made once and kept in a file that all models of a study are scored on."""

import hashlib
import io
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import PIL
import torch
from torch import Tensor

from sd.durable import write_durably
from sd.measure.corruptions import corrupt
from sd.plan.shifts import CORRUPTIONS, SEVERITIES, Corruption

_VERSION = 1
"""Of the pixels: whoever changes what a corruption makes of an image raises it, and files of others are passed over."""

_VALUES = 1 << 21
"""Values of images that are corrupted at a time: 682 images of 32×32 pixels, 16 MB in float64."""

_ROOM = 16_000_000_000
"""Bytes up to which all corruptions of a test set are kept: 2.3 GB of CIFAR-10, 6 GB of SVHN. Those of larger ones are
made anew for each model."""

_DIGEST = 32


class CorruptedSets:
    """The corruptions of some images of a test set.

    They are made on a device, and kept by its kind, as each kind draws other random numbers.
    """

    def __init__(
        self, images: Tensor, rows: Tensor, *, device: torch.device, seed: int = 0, folder: Path | None = None
    ) -> None:
        """
        Args:
            images: uint8, (n, 3, side, side), on any device.
            rows: int64, on the CPU: which of them.
            device: where they are corrupted.
            seed: of what is drawn at random.
            folder: where files lie that all who need them share; by default, and where all would take more than
                16 GB, nothing is kept.
        """
        self._images, self._rows, self._device, self._seed, self._kept_in = images, rows, device, seed, folder

    def get(self, name: Corruption, severity: int, between: Callable[[int], None] = lambda done: None) -> Tensor:
        """The images, corrupted: uint8, on the CPU; from the file if it is there and whole, and else made, and kept.

        A file holds numpy's array and the SHA-256 of that. It comes into being whole or not at all; two processes that
        make the same one at the same time write the same bytes.

        Args:
            between: called before each batch with the number of images done; what it raises ends the work.

        Raises:
            OSError: the file cannot be written.
        """
        path = self._folder / f"{name}-{severity}.npy" if self._folder else None
        found = _read(path) if path else None
        if found is None:
            found = self._made(name, severity, between)
            if path:
                _write(path, found)
        return found

    def _made(self, name: Corruption, severity: int, between: Callable[[int], None]) -> Tensor:
        done, parts = 0, []
        for rows in self._batches():
            between(done)
            parts.append(corrupt(self._at(rows).to(self._device), name, severity, rows=rows, seed=self._seed).cpu())
            done += len(rows)
        return torch.cat(parts)

    @cached_property
    def _folder(self) -> Path | None:
        """Where the files of these images lie: its name depends on all that their pixels depend on."""
        size = len(self._rows) * self._images[0].numel() * len(CORRUPTIONS) * len(SEVERITIES)
        if self._kept_in is None or size > _ROOM:
            return None
        versions = _VERSION, self._device.type, torch.__version__, np.__version__, PIL.__version__
        total = hashlib.sha256(repr((versions, self._seed, tuple(self._images.shape[1:]))).encode())
        total.update(self._rows.numpy().astype("<i8").tobytes())
        for rows in self._batches():
            total.update(self._at(rows).cpu().contiguous().numpy().data)
        return self._kept_in / total.hexdigest()[:16]

    def _batches(self) -> tuple[Tensor, ...]:
        batches: tuple[Tensor, ...] = self._rows.split(max(1, _VALUES // self._images[0].numel()))
        return batches

    def _at(self, rows: Tensor) -> Tensor:
        return self._images[rows.to(self._images.device)]


def _read(path: Path) -> Tensor | None:
    """The images in a file; ``None`` if it is not there, or damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    body, digest = content[:-_DIGEST], content[-_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        return None
    return torch.from_numpy(np.load(io.BytesIO(body), allow_pickle=False))


def _write(path: Path, images: Tensor) -> None:
    file = io.BytesIO()
    np.save(file, images.numpy())
    body = file.getvalue()
    write_durably(path, body + hashlib.sha256(body).digest())
