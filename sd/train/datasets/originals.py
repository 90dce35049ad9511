"""A data set as it was published: the labels of each split, and its images, read a range at a time."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sd import BadInput
from sd.plan.catalogue import DATASETS

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """One split.

    Attributes:
        labels: (n,), in [0, classes).
        read: ``read(start, stop, pool)`` gives the images [start, stop), (stop − start, 3, side, side), in C order;
            what can be done at once is given to the pool.
    """

    labels: Labels
    read: Callable[[int, int, Executor], Images]


@dataclass(frozen=True)
class Originals:
    """Both splits, and what tells these files and their decoder from any others."""

    train: Split
    test: Split
    identity: dict[str, str]


def wrong_content(name: str, train: Labels, test: Labels) -> str | None:
    """What keeps these labels from being those of the named data set, if anything does.

    The numbers of images must be the catalogue's, each label one of its classes, and each class in the training split.
    """
    known = DATASETS[name]
    for split, labels, count in (("training", train, known.train), ("test", test, known.test)):
        if len(labels) != count:
            return f"{len(labels):,} {split} images where {name} has {count:,}"
        if count and not 0 <= labels.min() <= labels.max() < known.classes:
            return f"{split} labels from {labels.min()} to {labels.max()} where {name} has {known.classes} classes"
    if known.train and len(seen := np.unique(train)) != known.classes:
        return f"training images of {len(seen)} classes where {name} has {known.classes}"
    return None


def check_content(name: str, where: object, originals: Originals) -> None:
    """Raise ``BadInput`` unless these are all images of the data set."""
    wrong = wrong_content(name, originals.train.labels, originals.test.labels)
    if wrong:
        raise BadInput(f"{where}: {wrong}; put the official files there again")
