"""``python -m sd.report GRID`` or ``--table N``: tables straight from the database."""

import sys
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console

from sd import BadInput, verb
from sd.cluster import slurm
from sd.plan.cell import Checkpoint
from sd.render.cost_table import cost_table
from sd.render.formats import draw_tables, write_tables
from sd.render.grid_tables import grid_tables
from sd.render.paper_tables import TITLES, paper_table
from sd.store.database import open_database
from sd.store.todo import take_stock

app = verb.app("report")


@app.command()
def report(
    grids: Annotated[list[Path] | None, typer.Argument(metavar="[GRID...]", help="Grid files to report on.")] = None,
    table: Annotated[int | None, typer.Option(help="One of the paper's tables: 1, 2 or 3.")] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="md, tex, html or csv. [default: drawn in a terminal, else md]")
    ] = None,
    checkpoint: Annotated[str, typer.Option(help="best_test (the paper's rule), best_val or last.")] = "best_test",
    cost: Annotated[
        bool, typer.Option("--cost", help="Of a grid: the hours that were expected, and those it took.")
    ] = False,
    minimal: verb.Minimal = False,
    db: verb.Db = None,
    root: verb.Root = None,
    profile: verb.ProfileFile = None,
) -> None:
    """Render a grid's tables, or the paper's table with what was measured for it."""
    if checkpoint not in get_args(Checkpoint):
        raise BadInput(f"--checkpoint: {checkpoint!r} is not a checkpoint; give {', '.join(get_args(Checkpoint))}")
    if bool(grids) == (table is not None):
        raise BadInput("give either grid files or --table N: python -m sd.report jobs/digits.yaml")
    if cost and not grids:
        raise BadInput("--cost is of a grid: python -m sd.report jobs/digits.yaml --cost")
    if table is not None and table not in TITLES:
        raise BadInput(f"--table: there is no table {table}; give one of {', '.join(map(str, TITLES))}")
    if grids:
        plan, _ = verb.read_plan(grids, minimal=minimal)
        place = verb.read_site(profile, root).root
        database = open_database(db)
        for line in take_stock(plan, place, database)[1]:
            print(line, file=sys.stderr)
        fill = f"python -m sd.launch {' '.join(map(str, grids))}{'' if slurm.available() else ' --local'}"
        tables = [cost_table(plan, database)] if cost else grid_tables(plan, database, checkpoint=checkpoint, fill=fill)
    else:
        tables = [paper_table(table or 0, open_database(db), checkpoint=checkpoint)]
    if format_ is None and sys.stdout.isatty():
        draw_tables(tables, Console())
    else:
        sys.stdout.write(write_tables(tables, format_ or "md"))


if __name__ == "__main__":
    verb.main(app)
