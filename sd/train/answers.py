"""A teacher's logits of a whole training set, in a file beside its checkpoint that all runs of its students share.

Such a file is made once: whichever run is the first to complete it, its numbers are what every other run reads, so a
run that is resumed goes on with the very numbers that it began with. It ends with its own SHA-256, so that one whose
numbers have changed on the disk teaches nobody.
"""

import contextlib
import errno
import hashlib
import io
import math
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sd.durable import SEAL, draft, is_as_sealed, seal, sweep
from sd.train.datasets import Dataset
from sd.train.datasets.prepared import read_only_tensor

_LOOKED_AT = 64
"""Images whose pixels, in a file's name, tell a data set from another one of the same name and size."""


@dataclass(frozen=True)
class Source:
    """Whose answers they are: the folder of the teacher's checkpoint, its SHA-256, and the name of the data set."""

    folder: Path
    sha256: str
    dataset: str

    def file(self, data: Dataset, precision: str) -> Path:
        """Where they are kept. The name depends on all that they depend on: teacher, data, normalisation, precision."""
        n = len(data.train_images)
        digest = hashlib.sha256(repr((n, data.classes, data.mean, data.std)).encode())
        places = torch.arange(0, n, math.ceil(n / _LOOKED_AT) or 1, device=data.train_images.device)
        digest.update(data.train_images[places].cpu().contiguous().numpy().tobytes())
        dataset = self.dataset.replace(":", ".")
        return self.folder / f"logits-{self.sha256[:12]}-{dataset}-train-{precision}-{digest.hexdigest()[:8]}.npy"


def kept(path: Path, shape: tuple[int, int]) -> Tensor | None:
    """The file as a read-only memory map, float16; ``None`` if there is none, or it is not what was written.

    Those of versions before they were sealed are taken as they are.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.shape != shape or array.dtype != np.float16:
            return None
        behind = path.stat().st_size - array.offset - array.nbytes
        if behind and not (behind == SEAL and is_as_sealed(path)):
            return None
    except (OSError, ValueError, EOFError):
        return None
    return read_only_tensor(array)


def keep(path: Path, shape: tuple[int, int], parts: Iterable[Tensor]) -> Tensor | None:
    """Write the file, and return it as :func:`kept` does.

    It comes into being whole and durable, or not at all. A good one that another run has completed meanwhile stays.

    Args:
        parts: float16 (n, classes), one after the other; they are asked for only if the folder can be written to and
            has room for them.

    Returns:
        ``None`` if it cannot be kept there: no part has been asked for.

    Raises:
        OSError: the disk has failed or been filled after that.
    """
    if path.exists() and kept(path, shape) is None:
        with contextlib.suppress(OSError):
            _remove_damaged(path, shape)
    sweep(path.parent, path.name)  # of ImageNet each draft takes 2.6 GB
    begun = False
    try:
        if shutil.disk_usage(path.parent).free < 2 * math.prod(shape) + (1 << 20):
            raise OSError(errno.ENOSPC, "no room")
        with draft(path, replace=False) as file:
            digest = hashlib.sha256()
            for block in _blocks(shape, parts):
                digest.update(block)
                file.write(block)
                begun = True
            file.write(seal(digest.digest()))
    except OSError:
        if begun:
            raise
        return None
    return kept(path, shape)


def _blocks(shape: tuple[int, int], parts: Iterable[Tensor]) -> Iterator[Any]:
    """The bytes of an array's file, a block at a time."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f2", "fortran_order": False, "shape": shape})
    yield header.getvalue()
    for part in parts:
        yield part.cpu().contiguous().numpy().view(np.uint8).data


def _remove_damaged(path: Path, shape: tuple[int, int]) -> None:
    """Remove a file that is not what was written, and no good one that another run completes meanwhile."""
    moved = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    path.rename(moved)
    if kept(moved, shape) is not None:
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(moved)
    moved.unlink()
