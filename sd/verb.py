"""What every ``python -m sd.VERB`` shares: how it starts, and how it ends when what it was given cannot be used."""

import errno
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sd import BadInput, resource
from sd.durable import not_for_everybody
from sd.plan.grid import read_grid
from sd.plan.resources import Profile, read_profile
from sd.plan.schedule import Plan, plan

Grids = Annotated[
    list[Path], typer.Argument(metavar="GRID...", help="Grid files; jobs/NAME.yaml also finds a shipped one.")
]
Db = Annotated[
    str | None,
    typer.Option("--db", metavar="URL", help="Database: a path or an SQLAlchemy URL (SD_DB). [default: results.db]"),
]
Root = Annotated[
    Path | None, typer.Option("--root", metavar="DIR", help="Folder of checkpoints and records. [default: runs]")
]
DataRoot = Annotated[
    Path | None, typer.Option("--data-root", metavar="DIR", help="Folder of data sets (SD_DATA). [default: data]")
]

ProfileFile = Annotated[
    Path | None,
    typer.Option("--profile", metavar="FILE", help="The cluster's own ways, see jobs/profiles/ (SD_PROFILE)."),
]


Minimal = Annotated[bool, typer.Option("--minimal", help="Without the blocks of a grid that are of tier: full.")]


# Failures that are the disk's or its administrator's, and no fault of this program.
_OF_THE_DISK = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ESTALE)
}


@dataclass(frozen=True)
class Site:
    """Where a verb works: the profile, the folder of runs, and the folder of data sets."""

    profile: Profile
    root: Path
    data_root: Path


def read_site(profile: Path | None, root: Path | None, data_root: Path | None = None) -> Site:
    """What the command line says, else the environment, else the profile's scratch folder, else ``runs``, ``data``."""
    site = read_profile(shipped(profile) if profile else None)
    scratch = site.scratch or Path()
    data = data_root or Path(os.environ.get("SD_DATA") or scratch / "data")
    return Site(site, root or scratch / "runs", data)


def app(name: str) -> typer.Typer:
    """A command-line application whose help and errors are plain text."""
    return typer.Typer(
        name=f"python -m sd.{name}", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )


def main(application: typer.Typer) -> None:
    """Run a verb: bad input is printed, one line per mistake, and ends with exit code 2; so does a disk that fails."""
    not_for_everybody()
    try:
        application()
    except BadInput as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        where = f"{error.filename}: " if error.filename else ""
        hint = "what was written before is whole; the same command goes on once that is mended"
        print(f"{where}{error.strerror}; {hint}", file=sys.stderr)
        sys.exit(2)


def read_plan(grids: list[Path], *, minimal: bool = False) -> tuple[Plan, list[str]]:
    """The plan of these grid files, and what a reader of them should know; every mistake in any of them is reported."""
    found, mistakes = [], []
    for path in grids:
        try:
            found.append(read_grid(shipped(path), minimal=minimal))
        except BadInput as error:
            mistakes.append(str(error))
    if mistakes:
        raise BadInput("\n".join(mistakes))
    return plan(found), sorted({note for grid in found for note in grid.notes})


def is_key(text: str) -> bool:
    """Whether a word is the key of a cell, 16 hexadecimal digits, rather than a file."""
    return re.fullmatch(r"[0-9a-f]{16}", text) is not None and not Path(text).exists()


def shipped(path: Path) -> Path:
    """The path itself or, where there is nothing, the grid of that name that ships with sd."""
    beside = resource(*path.parts) if path.parts[:1] == ("jobs",) else path
    return path if path.exists() else beside if beside.exists() else path
