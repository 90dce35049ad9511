"""A prepared data set: uint8 memory maps that all jobs of a node share through its page cache, and what is in them."""

import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sd.train.datasets.dataset import Dataset, assemble
from sd.train.datasets.originals import wrong_content

ABOUT = "about.json"

# Of the files: what was written by another version is not read.
VERSION = 1

Progress = Callable[[str, int, int], None]
"""Told how far something has come: what, how much of it is done, and how much there is."""


class Damaged(Exception):
    """The prepared files cannot be used; the text is a file, and what is wrong with it."""


def prepared_folder(name: str, root: Path) -> Path:
    """Where the prepared files of a data set lie."""
    return root / "prepared" / name


def is_prepared(name: str, root: Path) -> bool:
    """Whether the data set was prepared. ``about.json`` is written last, so the other files were whole by then."""
    return (prepared_folder(name, root) / ABOUT).exists()


def open_prepared(name: str, root: Path) -> Dataset:
    """The data set with its images in read-only memory maps; sizes, shapes and labels are checked, pixels are not.

    Raises:
        Damaged: a file is missing, cut off, or does not hold what it should.
    """
    folder = prepared_folder(name, root)
    files = _files(folder)
    arrays = {file: _array(folder / file, facts) for file, facts in files.items()}
    labels = [np.array(arrays[f"{split}_labels.npy"]) for split in ("train", "test")]
    wrong = wrong_content(name, *labels)
    if wrong:
        raise Damaged(f"{folder}: {wrong}")
    images = [read_only_tensor(arrays[f"{split}_images.npy"]) for split in ("train", "test")]
    train, test = ((pixels, torch.from_numpy(those)) for pixels, those in zip(images, labels, strict=True))
    return assemble(name, train, test)


def verify(name: str, root: Path, progress: Progress) -> None:
    """Read every byte. Raises :class:`Damaged` unless each file is the one that was written."""
    folder = prepared_folder(name, root)
    open_prepared(name, root)
    for file, facts in _files(folder).items():
        if sha256(folder / file, progress) != facts["sha256"]:
            raise Damaged(f"{folder / file}: is not what was written (its SHA-256 differs)")


def sha256(path: Path, progress: Progress) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    size, read = path.stat().st_size, 0
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            digest.update(block)
            read += len(block)
            progress(f"checking {path.name}", read, size)
    return digest.hexdigest()


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    """What about.json says of each file."""
    try:
        about = json.loads((folder / ABOUT).read_text())
        version, files = about["version"], about["files"]
        expected = {f"{split}_{part}.npy" for split in ("train", "test") for part in ("images", "labels")}
        complete = files.keys() == expected and all({"shape", "bytes", "sha256"} <= it.keys() for it in files.values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Damaged(f"{folder / ABOUT}: cannot be read ({type(error).__name__})") from None
    if version != VERSION:
        raise Damaged(f"{folder / ABOUT}: is of format version {version}, and this sd reads version {VERSION}")
    if not complete:
        raise Damaged(f"{folder / ABOUT}: does not tell of every file")
    return dict(files)


def _array(path: Path, facts: dict[str, Any]) -> Any:
    """The file as a read-only array, memory-mapped unless it is empty, which nothing can be."""
    try:
        size = path.stat().st_size
        if size != facts["bytes"]:
            raise Damaged(f"{path}: has {size:,} bytes of {facts['bytes']:,}")
        array = np.load(path, mmap_mode="r" if 0 not in facts["shape"] else None, allow_pickle=False)
    except OSError as error:
        raise Damaged(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, EOFError):
        raise Damaged(f"{path}: is no array of numpy's") from None
    dtype = np.uint8 if "images" in path.name else np.int64
    if list(array.shape) != facts["shape"] or array.dtype != dtype:
        raise Damaged(f"{path}: holds {array.dtype} {array.shape}, not {np.dtype(dtype)} {tuple(facts['shape'])}")
    return array


def read_only_tensor(array: Any) -> Tensor:
    """A tensor on the map itself.

    torch knows no read-only tensors and warns of the crash that writing would be; nobody writes into a data set. A
    private writable map, which needs no warning, counts as memory in use: ImageNet's would be refused on most nodes.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
