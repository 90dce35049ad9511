"""``python -m sd.report GRID`` or ``--table N``: tables straight from the database."""

import sys
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console

from sd import BadInput, verb
from sd.cluster import slurm
from sd.plan.cell import Checkpoint
from sd.render.beside import checkpoints_of
from sd.render.cost_table import cost_table
from sd.render.formats import draw_tables, write_tables
from sd.render.grid_tables import grid_tables
from sd.render.paper_tables import TITLES, paper_table
from sd.store.database import open_database
from sd.store.todo import take_stock

app = verb.app("report")

_CHECKPOINTS = (*get_args(Checkpoint), "both")


@app.command()
def report(
    grids: Annotated[list[Path] | None, typer.Argument(metavar="[GRID...]", help="Grid files to report on.")] = None,
    table: Annotated[
        str | None,
        typer.Option(metavar="N", help="One of the paper's tables, 1 to 5, or all, beside what was measured."),
    ] = None,
    claims: Annotated[
        bool, typer.Option("--claims", help="The verdicts on the paper's claims, on all cells or those of a grid.")
    ] = False,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="md, terminal, tex, html or csv; of --claims also json. [default: terminal in a terminal, else md]",
        ),
    ] = None,
    checkpoint: Annotated[
        str, typer.Option(help="best_test (the paper's rule), best_val or last; or both, best_test and last.")
    ] = "best_test",
    cost: Annotated[
        bool, typer.Option("--cost", help="Of a grid: the hours that were expected, and those it took.")
    ] = False,
    minimal: verb.Minimal = False,
    db: verb.Db = None,
    root: verb.Root = None,
    profile: verb.ProfileFile = None,
) -> None:
    """Render a grid's tables, the paper's table with what was measured for it, or the verdicts on its claims."""
    if claims:
        _claims(grids, table=table, cost=cost, format_=format_, checkpoint=checkpoint, db=db)
        return
    if checkpoint not in _CHECKPOINTS:
        raise BadInput(f"--checkpoint: {checkpoint!r} is not a checkpoint; give {', '.join(_CHECKPOINTS)}")
    if bool(grids) == (table is not None):
        raise BadInput("give either grid files or --table N: python -m sd.report jobs/digits.yaml")
    if cost and not grids:
        raise BadInput("--cost is of a grid: python -m sd.report jobs/digits.yaml --cost")
    local = "" if slurm.available() else " --local"
    if grids:
        plan, _ = verb.read_plan(grids, minimal=minimal)
        place = verb.read_site(profile, root).root
        database = open_database(db)
        for line in take_stock(plan, place, database)[1]:
            print(line, file=sys.stderr)
        fill = f"python -m sd.launch {' '.join(map(str, grids))}{local}"
        shown = checkpoints_of(checkpoint)
        tables = (
            [cost_table(plan, database)]
            if cost
            else [t for name in shown for t in grid_tables(plan, database, checkpoint=name, fill=fill)]
        )
    else:
        numbers = _numbers(table or "")
        database = open_database(db)
        fills = {number: f"python -m sd.launch jobs/table{number}.yaml{local}" for number in numbers}
        tables = [paper_table(n, database, checkpoint=checkpoint, fill=fills[n]) for n in numbers]
    if format_ is None and sys.stdout.isatty():
        draw_tables(tables, Console())
    else:
        sys.stdout.write(write_tables(tables, format_ or "md"))


def _numbers(table: str) -> list[int]:
    """The tables that ``--table`` asks for. Raises ``BadInput`` where there is no such table."""
    known = {**{str(number): [number] for number in TITLES}, "all": list(TITLES)}
    if table not in known:
        raise BadInput(f"--table: there is no table {table}; give one of {', '.join(known)}")
    return known[table]


def _claims(
    grids: list[Path] | None, *, table: str | None, cost: bool, format_: str | None, checkpoint: str, db: str | None
) -> None:
    """The page of verdicts; scipy, which it needs, takes longer to import than a table takes to render."""
    from sd.render.claims.page import claims_page
    from sd.render.claims.written import draw_claims, write_claims

    if checkpoint not in _CHECKPOINTS:
        raise BadInput(f"--checkpoint: {checkpoint!r} is not a checkpoint; give {', '.join(_CHECKPOINTS)}")
    if table is not None or cost:
        raise BadInput("--claims goes with neither --table nor --cost: python -m sd.report --claims jobs/digits.yaml")
    plan = verb.read_plan(grids)[0] if grids else None
    page = claims_page(
        open_database(db),
        list(checkpoints_of(checkpoint)),
        plan.steps if plan else None,
        of=plan.name if plan else "",
    )
    if format_ is None and sys.stdout.isatty():
        draw_claims(page, Console())
    else:
        sys.stdout.write(write_claims(page, format_ or "md"))


if __name__ == "__main__":
    verb.main(app)
