"""A second name for a file whose first is about to be another's, so that nothing is deleted."""

from pathlib import Path

SUFFIX = ".unreadable"


def keep_a_copy(path: Path) -> Path:
    """Give a file a second name, the first free one of ``NAME.unreadable``, ``NAME.unreadable.2`` …; returns it.

    On a file system without links it loses its first one. Raises ``OSError`` where the folder cannot be written.
    """
    number = 1
    while True:
        kept = path.with_name(f"{path.name}{SUFFIX}{f'.{number}' if number > 1 else ''}")
        try:
            kept.hardlink_to(path)
            return kept
        except FileExistsError:
            number += 1
        except (PermissionError, NotImplementedError):
            if kept.exists():
                number += 1
                continue
            path.rename(kept)
            return kept
