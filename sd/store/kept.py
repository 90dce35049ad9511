"""Other names for files whose own is about to be another's, so that nothing is deleted."""

import errno
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

SUFFIX = ".unreadable"


def keep_a_copy(path: Path) -> Path:
    """Give a file a second name, the first free one of ``NAME.unreadable``, ``NAME.unreadable.2`` …; returns it.

    On a file system without links it loses its first one. Raises ``OSError`` where the folder cannot be written, or a
    folder stands there.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    for kept in _names(path):
        try:
            kept.hardlink_to(path)
            return kept
        except FileExistsError:
            continue
        except OSError:
            return move_aside(path)
    raise AssertionError("there is always a free name")


def move_aside(path: Path) -> Path:
    """Give a file such a name instead of its own, in one step; returns it.

    It is whatever has the name at that moment: to link and to unlink would delete what came in between. Raises
    ``OSError`` where the folder cannot be written, or the file is gone.
    """
    for kept in _names(path):
        try:
            os.close(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))  # nobody else moves to this name
        except FileExistsError:
            continue
        try:
            path.rename(kept)
        except OSError:
            kept.unlink()
            raise
        return kept
    raise AssertionError("there is always a free name")


def _names(path: Path) -> Iterator[Path]:
    yield path.with_name(f"{path.name}{SUFFIX}")
    for number in count(2):
        yield path.with_name(f"{path.name}{SUFFIX}.{number}")
