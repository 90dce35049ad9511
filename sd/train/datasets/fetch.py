"""The published files of a data set, downloaded, checked and unpacked, unless they are there."""

import contextlib
import hashlib
import io
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sd import BadInput
from sd.durable import sync_folder
from sd.train.datasets.arrays import ARRAYS, array_files, fetch_arrays
from sd.train.datasets.github import GitHubFile
from sd.train.datasets.pictures import picture_folder

_TINY_IMAGENET = "http://cs231n.stanford.edu/tiny-imagenet-200.zip", "90528d7ca1a48142e341f4ef8d21d0de"

# The size and SHA-256 of Hugging Face's copy are those in tensorflow/datasets, imagenet_v2/checksums.tsv.
_IMAGENETV2 = "https://huggingface.co/datasets/vaishaal/ImageNetV2/resolve/main/imagenetv2-matched-frequency.tar.gz"
_IMAGENETV2_SHA256 = "f0c37fdf925916b19ea1323cd9a2208cdb6959ba2c32eef2a7fc393835c9ca7c"

TESTBEDS = {
    "imagenet_testbed": GitHubFile(
        "modestyachts/imagenet-testbed",
        "0170eec658d664289d9f61de8f90f967f49abca0",
        "robustness_top1s.csv",
        "490b62ad8c59f3317aa58183158c0d1ddb7e67e3",
    )
}
"""Tables of published models' accuracies (Taori et al. 2020); each lies in a folder of its name under the data root."""


def are_there(name: str, root: Path) -> bool:
    """Whether the published files lie under ``root``; their content is not looked at."""
    if name in ARRAYS:
        return all(file.is_file() for file in array_files(name, root))
    folder = picture_folder(name, root)
    parts = {"tiny_imagenet": ["wnids.txt", "train", "val"], "imagenet": ["train", "val"]}.get(name, [""])
    return all((folder / part).exists() for part in parts)


def fetch(name: str, root: Path) -> None:
    """Put the published files under ``root``, where :func:`are_there` looks.

    Raises:
        BadInput: no network, a full or read-only disk, or a download that is not what it should be.
    """
    arrays = name in ARRAYS  # which are checked at each reading, and fetched again where they are damaged
    place = next(iter(array_files(name, root))).parent if arrays else picture_folder(name, root)
    if not arrays and are_there(name, root):
        return
    try:
        with _quiet():
            if arrays:
                fetch_arrays(name, root)
            else:
                _UNPACKED[name](root)
    except (OSError, RuntimeError, tarfile.TarError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(f"{name} cannot be fetched ({reason}); or put its official files into {place}") from None


def fetch_testbed(name: str, root: Path) -> Path:
    """Put the table of a testbed under ``root``, unless it is there; its path.

    Raises:
        BadInput: no network, a full or read-only disk, or a download that is not what it should be.
    """
    file = TESTBEDS[name]
    try:
        with _quiet():
            return file.fetch(root / name)
    except (OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(f"{name} cannot be fetched ({reason}); or put {file.url} into {root / name}") from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """torchvision draws its bars on stderr; where that is no terminal they would only fill a log."""
    if sys.stderr.isatty():
        yield
    else:
        with contextlib.redirect_stderr(io.StringIO()):
            yield


def _tiny_imagenet(root: Path) -> None:
    from torchvision.datasets.utils import download_url

    url, md5 = _TINY_IMAGENET
    archive = root / Path(url).name
    download_url(url, root, archive.name, md5)
    _unpack(archive, picture_folder("tiny_imagenet", root))


def _imagenetv2(root: Path) -> None:
    from torchvision.datasets.utils import download_url

    archive = root / Path(_IMAGENETV2).name
    if not archive.exists() or _sha256(archive) != _IMAGENETV2_SHA256:
        archive.unlink(missing_ok=True)  # what was cut off would be taken for whole: there is no MD5 to hand over
        download_url(_IMAGENETV2, root, archive.name)
        if _sha256(archive) != _IMAGENETV2_SHA256:
            raise RuntimeError(f"{archive.name} has another SHA-256 than {_IMAGENETV2_SHA256}")
    _unpack(archive, picture_folder("imagenetv2", root))


def _imagenet(root: Path) -> None:
    """ImageNet may not be passed on; whoever has its archives has them unpacked here, each whole or not at all."""
    from torchvision.datasets.imagenet import ARCHIVE_META, parse_devkit_archive, parse_train_archive, parse_val_archive

    folder = picture_folder("imagenet", root)
    parse = {"train": parse_train_archive, "val": parse_val_archive}
    splits = [split for split in parse if not (folder / split).exists()]
    needed = [*splits, *(["devkit"] if "val" in splits else [])]  # the kit says what the validation images show
    archives = [ARCHIVE_META[part][0] for part in needed]
    if not all((folder / archive).is_file() for archive in archives):
        raise BadInput(
            f"imagenet is not under {folder} and cannot be downloaded; put {' and '.join(splits)} there, with a folder "
            f"for each class, or {', '.join(archives)} from https://image-net.org"
        )
    if "devkit" in needed:
        parse_devkit_archive(folder)
    for split in splits:
        partial = _empty(folder / split)
        parse[split](folder, folder=partial.name)
        partial.rename(folder / split)
        sync_folder(folder)


def _unpack(archive: Path, folder: Path) -> None:
    """The one folder that the archive holds, which must have its name, becomes ``folder``."""
    partial = _empty(folder)
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(partial)
    else:
        with tarfile.open(archive) as tar:  # Hugging Face's "tar.gz" is not compressed; open() finds out
            tar.extractall(partial, filter="data")
    (partial / folder.name).rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(partial)


def _empty(folder: Path) -> Path:
    """The folder in which ``folder`` is put together; it is there under its own name only when it is whole."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    return partial


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_UNPACKED = {"tiny_imagenet": _tiny_imagenet, "imagenet": _imagenet, "imagenetv2": _imagenetv2}
