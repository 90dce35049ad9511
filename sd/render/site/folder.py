"""The folder of a site: written beside its place and moved there whole; what is no site of ours is never replaced."""

import contextlib
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from sd import BadInput

MARK = "sd-site.json"
"""The file by which a folder is known as a site that was made here."""


@contextlib.contextmanager
def site_folder(place: Path, parts: Collection[str]) -> Iterator[Path]:
    """An empty folder to write a site into; if the block ends well it takes the place of ``place``, else nothing does.

    Args:
        place: where the site is to be; nothing, an empty folder, or a site that was made here.
        parts: the names of the files and folders that a site has; a former site with others is not replaced.

    Raises:
        BadInput: something else is there, or it cannot be written.
    """
    _check(place, parts)
    place = place.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=".part"))
    except OSError as error:
        raise BadInput(f"--all: {place} cannot be written ({error.strerror})") from None
    try:
        inside = draft / "site"  # with the permissions of the user's umask, which mkdtemp does not give
        inside.mkdir()
        yield inside
        (inside / MARK).touch()
        _put(inside, place, draft / "former")
    except OSError as error:
        raise BadInput(f"--all: {place} cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check(place: Path, parts: Collection[str]) -> None:
    """Refuse a place where something is that this program has not made."""
    if not place.exists() and not place.is_symlink():
        return
    if place.is_symlink() or not place.is_dir():
        raise BadInput(f"--all: {place} is no folder; give one that is not there yet, or a former site")
    there = sorted(entry.name for entry in place.iterdir())
    if there and MARK not in there:
        raise BadInput(f"--all: {place} is a folder with other things in it; give one that is not there yet")
    foreign = [name for name in there if name not in {*parts, MARK}]
    if foreign:
        raise BadInput(f"--all: {place} holds {foreign[0]}, which is no part of a site; move it away first")


def _put(new: Path, place: Path, aside: Path) -> None:
    """Move the finished site to its place; the former one comes back if that fails."""
    had = place.exists()
    if had:
        place.rename(aside)
    try:
        new.rename(place)
    except BaseException:
        if had:
            aside.rename(place)
        raise
