"""The data sets that a grid can name, as uint8 tensors: read, prepared, streamed, and given wrong labels on purpose."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from sd import BadInput
from sd.plan.catalogue import dataset_hint, is_own
from sd.train.datasets.arrays import ARRAYS, read_arrays
from sd.train.datasets.dataset import Dataset, assemble
from sd.train.datasets.digits import enlarged_digits
from sd.train.datasets.fetch import are_there, fetch_testbed
from sd.train.datasets.label_noise import with_label_noise
from sd.train.datasets.place import data_root, prepare_command
from sd.train.datasets.preparation import prepare
from sd.train.datasets.prepared import Damaged, is_prepared, open_prepared
from sd.train.own import own_dataset

__all__ = ["LOADERS", "Dataset", "data_root", "fetch_testbed", "load", "prepare", "standing", "with_label_noise"]


def load(name: str, root: Path | None = None) -> Dataset:
    """The named data set on the CPU; if it is prepared, in memory maps of which only the labels are read.

    Raises:
        BadInput: an unknown name, or a data set that is not under ``root``; the text names the command that fetches it.
            Of a user's own, ``module:function``: that it cannot be found, or fails, or returns something else.
    """
    if is_own(name):
        return own_dataset(name, data_root(root))
    if name not in LOADERS:
        raise BadInput(f"{name!r} is not a known data set; {dataset_hint(name)}")
    return LOADERS[name](data_root(root))


def standing(name: str, root: Path | None = None) -> str:
    """How a data set stands under ``root``, in a few words, with the command that would help; pixels are not read."""
    place = data_root(root)
    if name == "digits":
        return "ready"
    if is_prepared(name, place):
        try:
            open_prepared(name, place)
        except Damaged as damage:
            return f"{damage}; build it again with: {prepare_command(name, place)}"
        return "prepared"
    there = "original files are there; convert them" if are_there(name, place) else "absent; fetch it"
    return f"{there} with: {prepare_command(name, place)}"


def _fetched(name: str, root: Path) -> Dataset:
    """The prepared memory maps; without them, what was published as small arrays is read from those."""
    if is_prepared(name, root):
        try:
            return open_prepared(name, root)
        except Damaged as damage:
            raise BadInput(f"{damage}; build {name} again with: {prepare_command(name, root)}") from None
    if name not in ARRAYS:
        raise BadInput(f"{name} is not prepared under {root}; prepare it with: {prepare_command(name, root)}")
    arrays = read_arrays(name, root).values()
    train, test = ((torch.from_numpy(images), torch.from_numpy(labels)) for images, labels in arrays)
    return assemble(name, train, test)


LOADERS: dict[str, Callable[[Path], Dataset]] = {
    "digits": lambda _: enlarged_digits(),
    **{name: partial(_fetched, name) for name in (*ARRAYS, "tiny_imagenet", "imagenet", "imagenetv2")},
}
