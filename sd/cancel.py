"""``python -m sd.cancel GRID|CELL``: take cells out of SLURM's queue, with all that descend from them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from sd import BadInput, verb
from sd.cluster import slurm
from sd.cluster.cancellation import Cancellation, find_cancellation
from sd.cluster.lock import launching
from sd.render.words import counted

app = verb.app("cancel")

Option = typer.Option


@app.command()
def cancel(
    what: Annotated[
        list[str],
        typer.Argument(metavar="GRID|CELL...", help="Grid files, or keys of cells (as sd.status --json has)."),
    ],
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False,
    root: verb.Root = None,
    profile: verb.ProfileFile = None,
) -> None:
    """Cancel the jobs of these cells and of all cells that descend from them, after asking.

    A job that runs saves its state first; sd.launch goes on from there. Exit code 0: cancelled, or nothing to cancel;
    1: the answer was no; 2: the input cannot be used.
    """
    if not slurm.available():
        raise BadInput("this machine has no SLURM (no squeue); a --local run is stopped with Ctrl-C")
    site = verb.read_site(profile, root)
    keys = _keys(what)
    found = find_cancellation(site.root, keys)
    if not found.tasks:
        print("nothing of this is in the queue")
        return
    print(_summary(found), flush=True)
    if not yes and not _agreed():
        print("nothing cancelled")
        raise typer.Exit(1)
    with launching(site.root):  # what has come into the queue meanwhile goes, too
        slurm.cancel(find_cancellation(site.root, keys).tasks)
    print("cancelled; sd.launch goes on with them")


def _keys(what: list[str]) -> list[str]:
    """The keys of all cells that are named."""
    grids = [Path(name) for name in what if not verb.is_key(name)]
    keys = [name for name in what if verb.is_key(name)]
    return [*keys, *(verb.read_plan(grids)[0].steps if grids else [])]


def _summary(found: Cancellation) -> str:
    jobs = f"{counted(len(found.tasks), 'job')} ({found.running} running, {len(found.tasks) - found.running} waiting)"
    descend = f", {found.descendants} of them as descendants" if found.descendants else ""
    beside = f"; {counted(found.beside, 'other cell')} shares a job with them" if found.beside else ""
    return f"{jobs} with {counted(found.cells, 'cell')}{descend}{beside}"


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise BadInput("nobody is there to be asked; give --yes to cancel without asking")
    return typer.confirm("cancel them?")


if __name__ == "__main__":
    verb.main(app)
