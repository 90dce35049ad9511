"""The data sets that were published as folders of JPEG files: Tiny-ImageNet, ImageNet and ImageNetV2."""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from sd import BadInput
from sd.plan.catalogue import DATASETS
from sd.train.datasets.originals import Images, Originals, Split

_SUFFIXES = (".jpeg", ".jpg")


@dataclass(frozen=True, slots=True)
class Picture:
    """A file, its size in bytes, and its label. The path is a string: ImageNet has a million of them."""

    path: str
    bytes: int
    label: int


def picture_folder(name: str, root: Path) -> Path:
    """Where the published files of the data set lie."""
    return root / _FOLDERS[name]


def picture_originals(name: str, root: Path) -> Originals:
    """The data set for conversion: every file of it listed, none of them read.

    Raises:
        BadInput: the folder is not built as it was published.
    """
    folder = picture_folder(name, root)
    try:
        train, test = _LISTINGS[name](folder)
    except OSError as error:
        raise BadInput(f"{error.filename}: {error.strerror}; put {name}'s official files into {folder}") from None
    decode = partial(exactly if name == "tiny_imagenet" else resized_and_cropped, side=DATASETS[name].side)
    # Of another Pillow the pixels may be others, so that a conversion begun with one is not ended with the other.
    identity = {"listing": f"sha256 {_digest([*train, *test], folder)}", "pillow": PIL.__version__}
    return Originals(_split(train, decode), _split(test, decode), identity)


def resized_and_cropped(image: Image.Image, *, side: int) -> Image.Image:
    """The shorter side resized to ``side`` pixels, bicubic, and the square in the middle: CLIP's preprocessing.

    The same pixels as torchvision's ``Resize(side, BICUBIC)`` and ``CenterCrop(side)`` of a Pillow image.
    """
    width, height = image.size
    shorter = min(width, height)
    image = image.resize((int(side * width / shorter), int(side * height / shorter)), Image.Resampling.BICUBIC)
    left, top = round((image.width - side) / 2), round((image.height - side) / 2)
    return image.crop((left, top, left + side, top + side))


def exactly(image: Image.Image, *, side: int) -> Image.Image:
    """The image as it is. Raises ``ValueError`` unless it is ``side`` pixels square."""
    if image.size != (side, side):
        raise ValueError(f"{image.width}×{image.height} pixels where {side}×{side} are right")
    return image


def decoded(path: str, shape: Callable[[Image.Image], Image.Image]) -> Images:
    """The file's pixels (3, h, w), grey made RGB, after ``shape``.

    Raises:
        BadInput: it cannot be read as an image.
    """
    try:
        with Image.open(path) as image:
            pixels = np.asarray(shape(image if image.mode == "RGB" else image.convert("RGB")))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = str(error).partition("\n")[0].partition(f" {path!r}")[0]
        raise BadInput(f"{path}: cannot be used ({reason}); put the original file there again") from None
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _split(pictures: list[Picture], shape: Callable[[Image.Image], Image.Image]) -> Split:
    def read(start: int, stop: int, pool: Executor) -> Images:
        paths = (picture.path for picture in pictures[start:stop])
        return np.stack(list(pool.map(partial(decoded, shape=shape), paths)))

    return Split(np.array([picture.label for picture in pictures], np.int64), read)


def _digest(pictures: Iterable[Picture], folder: Path) -> str:
    """SHA-256 of all names, sizes and labels: reading every byte of ImageNet would take as long as converting it."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(f"{os.path.relpath(picture.path, folder)}\0{picture.bytes}\0{picture.label}\n".encode())
    return digest.hexdigest()


def _pictures_in(folder: Path | str, label: int) -> list[Picture]:
    """The JPEG files of a folder, by name."""
    with os.scandir(folder) as entries:
        files = [(entry.path, entry.stat().st_size) for entry in entries if entry.name.lower().endswith(_SUFFIXES)]
    return [Picture(path, size, label) for path, size in sorted(files)]


def _folders_in(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())


def _tiny_imagenet(folder: Path) -> tuple[list[Picture], list[Picture]]:
    """Classes in the order of their WordNet ids; the test split is the official validation split (spec H18)."""
    wnids = sorted((folder / "wnids.txt").read_text().split())
    train = [it for label, wnid in enumerate(wnids) for it in _pictures_in(folder / "train" / wnid / "images", label)]
    annotations = folder / "val" / "val_annotations.txt"
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    test = []
    for number, line in enumerate(annotations.read_text().splitlines(), 1):
        file, wnid, *_ = [*line.split("\t"), "", ""]
        if wnid not in label_of:
            raise BadInput(f"{annotations}:{number}: {wnid!r} is not in wnids.txt; put the original file there again")
        path = folder / "val" / "images" / file
        test.append(Picture(str(path), path.stat().st_size, label_of[wnid]))
    return train, test


def _imagenet(folder: Path) -> tuple[list[Picture], list[Picture]]:
    """Classes in the order of their WordNet ids, as in torchvision's ``ImageFolder`` and OpenAI's list of names."""
    wnids = {split: _folders_in(folder / split) for split in ("train", "val")}
    if wnids["train"] != wnids["val"]:
        odd = sorted(set(wnids["train"]) ^ set(wnids["val"]))[0]
        raise BadInput(f"{folder}: class {odd} is not in both train and val; both hold a folder for each class")
    train, val = (
        [it for label, wnid in enumerate(names) for it in _pictures_in(folder / split / wnid, label)]
        for split, names in wnids.items()
    )
    return train, val


def _imagenetv2(folder: Path) -> tuple[list[Picture], list[Picture]]:
    """The folders' names are the labels; in the order of names 10 would come before 2."""
    names = _folders_in(folder)
    odd = [name for name in names if not name.isdecimal()]
    if odd:
        raise BadInput(f"{folder / odd[0]}: is not the number of a class; remove it")
    return [], [it for label in sorted(map(int, names)) for it in _pictures_in(folder / str(label), label)]


_FOLDERS = {
    "tiny_imagenet": "tiny-imagenet-200",
    "imagenet": "imagenet",
    "imagenetv2": "imagenetv2-matched-frequency-format-val",
}
_LISTINGS = {"tiny_imagenet": _tiny_imagenet, "imagenet": _imagenet, "imagenetv2": _imagenetv2}
