"""Writing a file so that, whatever happens, it is there whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def write_durably(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``: temporary name, fsync, rename, fsync of the folder.

    After a crash or a full disk the old file, if there was one, is still there, and no half-written one is. The file
    gets the permissions of the user's umask. Raises ``OSError`` when it could not be written.
    """
    with draft(path) as file:
        file.write(content)


@contextlib.contextmanager
def draft(path: Path, *, replace: bool = True) -> Iterator[BinaryIO]:
    """A file to be written a part at a time: ``path``, durable and whole, if the block ends well, and else nothing.

    Args:
        replace: whether it takes the place of a file that is there by then, or leaves that one as it is.

    Raises:
        OSError: it could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            os.fsync(file.fileno())
        _put(Path(temporary), path, replace)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    sync_folder(path.parent)


def _put(temporary: Path, path: Path, replace: bool) -> None:
    """Give a file its name. A link is made only where there is no such name yet; not every file system has links."""
    if not replace:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            temporary.unlink()
            return
        except OSError:
            pass
        else:
            temporary.unlink()
            return
    temporary.replace(path)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable; file systems that cannot sync a folder are left to themselves."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The process's umask; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
