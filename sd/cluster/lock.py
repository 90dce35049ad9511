"""Locks on the folder of runs: one run of this machine at a time, and launchers that take turns."""

import contextlib
import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from sd import BadInput


@contextlib.contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """Hold a lock on the root: one run of this machine works there at a time. Raises ``BadInput`` if another does."""
    with _lock_file(root, "local.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"--root {root}: another run works here; wait for it, or give another --root") from None
        yield


@contextlib.contextmanager
def launching(root: Path) -> Iterator[int]:
    """Hold the root's launch lock: launchers take turns. Yields its file descriptor, for sbatch to hold it, too."""
    with _lock_file(root, "launch.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another launcher works in this root; waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            hint = "launch from one shell at a time"
            print(f"--root {root}: cannot be locked ({error.strerror}): {hint}", file=sys.stderr, flush=True)
        yield lock.fileno()


def _lock_file(root: Path, name: str) -> TextIO:
    try:
        root.mkdir(parents=True, exist_ok=True)
        return (root / name).open("a+")
    except OSError as error:
        raise BadInput(f"--root {root}: cannot be written ({error.strerror}); give another --root") from None
