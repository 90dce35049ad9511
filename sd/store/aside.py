"""Records that cannot be read: they are set aside under another name, named, and never deleted."""

import json
from pathlib import Path

from sd.durable import sync_folder
from sd.store.kept import SUFFIX, move_aside
from sd.store.record import has_changed


def set_aside(path: Path, error: Exception) -> str | None:
    """Give a file that is no record at all another name, so that its cell is run again; a line that says so.

    What may yet be read stays: the record of a later version, one on a disk that does not answer, one of an attempt,
    whose number is its claim to the cell. ``None`` where somebody has moved it by now, or written a good one in
    its place.
    """
    said = next(iter(str(error).splitlines()), type(error).__name__)
    said = said if said.startswith(str(path)) else f"{path}: cannot be read ({said})"
    if path.parent.name == "attempts" or not _is_garbage(path):
        return said
    try:
        kept = move_aside(path)
        if not _is_garbage(kept):
            _put_back(kept, path)
            return None
        sync_folder(path.parent)
    except FileNotFoundError:
        return None  # another process has moved it, and says so
    except OSError:
        return said
    return f"{said}; it is kept as {kept.name}, and its cell is run again where no database knows it"


def _put_back(kept: Path, path: Path) -> None:
    """Undo a move: what was moved is a good record, which came while the bad one was looked at."""
    try:
        path.hardlink_to(kept)
    except FileExistsError:
        return  # a still newer one is there; both stay
    except OSError:  # a file system without links
        if not path.exists():
            kept.rename(path)
        return
    kept.unlink()


def find_aside(root: Path) -> list[Path]:
    """The files that were set aside under a root, sorted."""
    folders = (root / "cells").glob("*/"), (root / "cells").glob("*/attempts/")
    return sorted(path for some in folders for folder in some for path in folder.glob(f"*{SUFFIX}*"))


def _is_garbage(path: Path) -> bool:
    """Whether the file can be read, and is not what any version of sd has written."""
    try:
        blob = path.read_bytes()
        content = json.loads(blob)
    except OSError:
        return False
    except (ValueError, RecursionError):
        return True
    if has_changed(blob):
        return True
    return not (isinstance(content, dict) and isinstance(content.get("record_version"), int) and "kind" in content)
