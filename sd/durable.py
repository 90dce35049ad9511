"""Writing a file so that, whatever happens, it is there whole or not at all."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_ABANDONED = 3600.0
"""Seconds after which a draft that nobody has written to is that of a process that was killed."""

_MARK = b"\nsha256 "
_DIGEST = hashlib.sha256().digest_size
SEAL = len(_MARK) + _DIGEST


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
    # A name that nobody can know beforehand, made by this process alone; the kernel applies the umask to its mode.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put(temporary, path, replace)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = os.fspath(path)  # a write that fails does not say of what
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


def sealed(blob: bytes) -> bytes:
    """The same with its SHA-256 behind it, for files of which nobody else knows the hash."""
    return blob + seal(hashlib.sha256(blob).digest())


def seal(sha256: bytes) -> bytes:
    """What stands behind a sealed file with this SHA-256: :data:`SEAL` bytes."""
    return _MARK + sha256


def unsealed(blob: bytes) -> bytes | None:
    """What was sealed; ``None`` if it is not what it was. What has no seal, of earlier versions, comes as it is."""
    content, mark, digest = blob[:-SEAL], blob[-SEAL:-_DIGEST], blob[-_DIGEST:]
    if mark != _MARK:
        return blob
    return content if hashlib.sha256(content).digest() == digest else None


def is_as_sealed(path: Path) -> bool:
    """Whether a file too large for memory ends with the SHA-256 of all that stands before. Raises ``OSError``."""
    digest, left = hashlib.sha256(), path.stat().st_size - SEAL
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, 1 << 24))):
            digest.update(block)
            left -= len(block)
        return file.read() == seal(digest.digest())


def sweep(folder: Path, name: str = "*") -> None:
    """Remove the drafts that killed processes have left in ``folder`` of the files that ``name`` fits.

    Their age is told by the file system's own clock, which made their times: a node's may be hours off.
    """
    parts = list(folder.glob(f".{name}.*.part"))
    if not parts:
        return
    with contextlib.suppress(OSError):
        probe = folder / f".{secrets.token_hex(8)}.now"
        probe.touch(exist_ok=False)
        now = probe.stat().st_mtime
        probe.unlink()
        for part in parts:
            with contextlib.suppress(OSError):
                if now - part.stat().st_mtime > _ABANDONED:
                    part.unlink()


def not_for_everybody() -> None:
    """Let nobody but the user and the group write what this process and its children write, whatever the umask."""
    os.umask(os.umask(0o077) | 0o002)
