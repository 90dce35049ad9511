"""Preparing a data set: fetched, checked, and converted into memory maps, unless that is done already."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from sd import BadInput
from sd.plan.catalogue import DATASETS, nearest
from sd.train.datasets.arrays import ARRAYS, array_originals
from sd.train.datasets.conversion import convert
from sd.train.datasets.fetch import fetch
from sd.train.datasets.originals import check_content
from sd.train.datasets.pictures import picture_folder, picture_originals
from sd.train.datasets.place import data_root
from sd.train.datasets.prepared import Damaged, Progress, is_prepared, prepared_folder, verify

Tell = Callable[[str], None]


def prepare(
    name: str,
    root: Path | None = None,
    *,
    workers: int | None = None,
    tell: Tell = lambda _: None,
    progress: Progress = lambda *_: None,
) -> None:
    """Have the named data set lie prepared under ``root``: verified if it is, built if it is not or is damaged.

    Args:
        workers: threads that decode images; by default one for each core that this process may use.
        tell: is given a line about what is found or awaited.

    Raises:
        BadInput: an unknown name, no network, a full or read-only disk, or files that are not what they should be.
    """
    if name not in DATASETS:
        raise BadInput(f"{name!r} is not a known data set; {nearest(name, DATASETS)}")
    if DATASETS[name].bundled:
        return
    place = data_root(root)
    folder = prepared_folder(name, place)
    try:
        if _is_whole(name, place, lambda _: None, progress):
            return
        with _alone(name, place, tell):
            if _is_whole(name, place, tell, progress):  # another prepare may have built it meanwhile
                return
            _remove(folder)
            _build(name, place, workers or len(os.sched_getaffinity(0)), progress)
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "make room, or give another --data-root"
        raise BadInput(f"{folder}: {name} cannot be prepared there ({reason}); {hint}") from None


def _build(name: str, root: Path, workers: int, progress: Progress) -> None:
    fetch(name, root)
    if name in ARRAYS:
        originals, where = array_originals(name, root), root
    else:
        originals, where = picture_originals(name, root), picture_folder(name, root)
    check_content(name, where, originals)
    convert(name, root, originals, workers, progress)


def _is_whole(name: str, root: Path, tell: Tell, progress: Progress) -> bool:
    """Whether it is prepared and every byte is what was written."""
    if not is_prepared(name, root):
        return False
    try:
        verify(name, root, progress)
    except Damaged as damage:
        tell(f"{damage}; {name} is built again")
        return False
    return True


def _remove(folder: Path) -> None:
    """Take a damaged data set away: from its name at once, so that no job opens it, then from the disk."""
    away = folder.with_name(f"{folder.name}.damaged")
    shutil.rmtree(away, ignore_errors=True)  # of a removal that was killed
    if folder.exists():
        folder.rename(away)
        shutil.rmtree(away, ignore_errors=True)


@contextlib.contextmanager
def _alone(name: str, root: Path, tell: Tell) -> Iterator[None]:
    """Hold the data set's lock: whoever prepares it at the same time waits, and then finds it done."""
    path = prepared_folder(name, root).with_name(f"{name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"another process prepares {name} under {root}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
