"""``python -m sd.report GRID`` or ``--table N``: tables straight from the database."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sd import BadInput, verb
from sd.render.formats import draw_tables, write_tables
from sd.render.grid_tables import grid_tables
from sd.render.paper_tables import TITLES, paper_table
from sd.store.database import open_database
from sd.store.record import cell_folder, records_of

app = verb.app("report")


@app.command()
def report(
    grids: Annotated[list[Path] | None, typer.Argument(metavar="[GRID...]", help="Grid files to report on.")] = None,
    table: Annotated[int | None, typer.Option(help="One of the paper's tables: 1, 2 or 3.")] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="md, tex, html or csv. [default: drawn in a terminal, else md]")
    ] = None,
    checkpoint: Annotated[str, typer.Option(help="best_test (the paper's rule) or last.")] = "best_test",
    db: verb.Db = None,
    root: verb.Root = None,
) -> None:
    """Render a grid's tables, or the paper's table with what was measured for it."""
    if checkpoint not in {"best_test", "last"}:
        raise BadInput(f"--checkpoint: {checkpoint!r} is not a checkpoint; give best_test or last")
    if bool(grids) == (table is not None):
        raise BadInput("give either grid files or --table N: python -m sd.report jobs/digits.yaml")
    if table is not None and table not in TITLES:
        raise BadInput(f"--table: there is no table {table}; give one of {', '.join(map(str, TITLES))}")
    if grids:
        plan, _ = verb.read_plan(grids)
        place = verb.read_site(None, root).root
        database = open_database(db)
        refused = database.ingest(path for key in plan.steps for path in records_of(cell_folder(place, key))).refused
        for line in refused:
            print(line, file=sys.stderr)
        fill = f"python -m sd.launch {' '.join(map(str, grids))} --local"
        tables = grid_tables(plan, database, checkpoint=checkpoint, fill=fill)
    else:
        tables = [paper_table(table or 0, open_database(db), checkpoint=checkpoint)]
    if format_ is None and sys.stdout.isatty():
        draw_tables(tables, Console())
    else:
        sys.stdout.write(write_tables(tables, format_ or "md"))


if __name__ == "__main__":
    verb.main(app)
