"""``python -m sd.report GRID``, ``--table``, ``--figure``, ``--claims``, ``--all``: straight from the database."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.console import Console

from sd import BadInput, verb
from sd.cluster import slurm
from sd.cluster.ledger import logs_of
from sd.plan.cell import Checkpoint
from sd.plan.schedule import Plan
from sd.render.beside import checkpoints_of
from sd.render.cost_table import cost_table
from sd.render.formats import draw_tables, write_tables
from sd.render.grid_tables import grid_tables
from sd.render.missing_of_paper import (
    Look,
    cost_of_artefacts,
    missing_of_artefact,
    missing_of_claims,
    missing_of_everything,
    missing_of_grid,
)
from sd.render.paper_tables import TITLES, paper_table
from sd.render.table import Table
from sd.render.words import counted
from sd.store.database import Database, open_database
from sd.store.mistyped import numbers_expected
from sd.store.record import cell_folder, find_records, records_of
from sd.store.todo import take_stock

if TYPE_CHECKING:
    from sd.render.provenance.asked import Sources

app = verb.app("report")

_CHECKPOINTS = (*get_args(Checkpoint), "both")

_Grids = Annotated[list[Path] | None, typer.Argument(metavar="[GRID...]", help="Grid files to report on.")]
_Table = Annotated[
    str | None, typer.Option(metavar="N", help="One of the paper's tables, 1 to 5, or all, beside what was measured.")
]
_Figure = Annotated[
    str | None, typer.Option(metavar="N|all", help="One of the paper's figures, 1 to 16, or all of them.")
]
_Claims = Annotated[
    bool, typer.Option("--claims", help="The verdicts on the paper's claims, on all cells or those of a grid.")
]
_Missing = Annotated[
    bool,
    typer.Option(
        "--missing",
        help="What is missing, its cost, and the command that fills it: of --table N, --figure N, --claims or a "
        "grid; alone: of everything.",
    ),
]
_Why = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="The runs behind a number: table2:ResNet18:CIFAR-10:aug:0.5:R1, digits:ResNet8:Digits:0.5:R1, "
        "claim:C1, figure:4, or a cell's key.",
    ),
]
_Bundle = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.zip",
        help="Everything for an artefact evaluation in one file: tables, figures, claims, database, grids, "
        "environment, hours of computing.",
    ),
]
_All = Annotated[
    Path | None,
    typer.Option(
        "--all",
        metavar="DIR",
        help="Everything as a static site in this folder: of the whole database, or of a grid's cells. A former "
        "site there is replaced.",
    ),
]
_Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="md, terminal, tex, html or csv; of --claims also json. [default: terminal in a terminal, else md] "
        "Of --figure: png, pdf, svg or csv. [default: png]",
    ),
]
_AtCheckpoint = Annotated[
    str, typer.Option(help="best_test (the paper's rule), best_val or last; or both, best_test and last.")
]
_Cost = Annotated[
    bool,
    typer.Option(
        "--cost",
        help="Of a grid: the hours that were expected, and those it took; alone: what each of the paper's tables "
        "and figures takes.",
    ),
]
_Study = Annotated[
    str | None, typer.Option(help="Of --figure: words of the study's name. [default: the paper's, else the nearest]")
]
_Split = Annotated[
    str | None,
    typer.Option(help="Of --figure: train or test, where the measure is taken of either. [default: train]"),
]
_Out = Annotated[
    Path | None, typer.Option(help="Of --figure: the file, or with all the folder. [default: figureN.FORMAT here]")
]


@app.command()
def report(
    grids: _Grids = None,
    table: _Table = None,
    figure: _Figure = None,
    missing: _Missing = False,
    why: _Why = None,
    bundle: _Bundle = None,
    claims: _Claims = False,
    all_: _All = None,
    format_: _Format = None,
    checkpoint: _AtCheckpoint = "best_test",
    cost: _Cost = False,
    study: _Study = None,
    split: _Split = None,
    out: _Out = None,
    minimal: verb.Minimal = False,
    db: verb.Db = None,
    root: verb.Root = None,
    profile: verb.ProfileFile = None,
) -> None:
    """Render a grid's tables, the paper's table with what was measured for it, or the verdicts on its claims."""
    place = verb.read_site(profile, root).root
    others: dict[str, object] = {
        "--table": table,
        "--figure": figure,
        "--claims": claims or None,
        "--missing": missing or None,
    }
    others |= {"--cost": cost or None}
    if bundle is not None:
        _alone("--bundle out.zip", others | {"--all": all_, "--why": why, "--format": format_})
        _bundle(bundle, db, place)
    elif all_ is not None:
        _alone("--all site", others | {"--why": why, "--format": format_})
        _site(grids, all_, minimal=minimal, db=db, root=place)
    elif why is not None:
        _alone("--why table2:ResNet18:CIFAR-10:aug:0.5:R1", others)
        _why(why, grids, format_ or "md", checkpoint, db, place)
    elif missing:
        look = Look(open_database(db), place, slurm.available(), minimal)
        _print(_missing(grids, table, figure, look, claims=claims), format_)
    elif cost and not grids and table is None and figure is None and not claims:
        _print([cost_of_artefacts(Look(open_database(db), place, slurm.available(), minimal))], format_)
    elif figure is not None:
        if claims or table is not None or cost:
            raise BadInput("--figure goes with none of --claims, --table and --cost: python -m sd.report --figure 4")
        _figures(
            grids, figure, format_ or "png", out, checkpoint=checkpoint, split=split or "train", study=study, db=db
        )
    elif of_figures := [f"--{n}" for n, it in (("study", study), ("split", split), ("out", out)) if it is not None]:
        raise BadInput(f"{of_figures[0]} is of --figure: python -m sd.report --figure 4")
    elif claims:
        _claims(grids, table=table, cost=cost, format_=format_, checkpoint=checkpoint, db=db)
    else:
        if checkpoint not in _CHECKPOINTS:
            raise BadInput(f"--checkpoint: {checkpoint!r} is not a checkpoint; give {', '.join(_CHECKPOINTS)}")
        if bool(grids) == (table is not None):
            raise BadInput("give either grid files or --table N: python -m sd.report jobs/digits.yaml")
        if cost and not grids:
            raise BadInput("--cost is of a grid: python -m sd.report jobs/digits.yaml --cost")
        if grids:
            _print(_grid_tables(grids, checkpoint, minimal=minimal, cost=cost, db=db, root=place), format_)
        else:
            _print(_paper_tables(table or "", checkpoint, db), format_)


def _alone(wanted: str, others: Mapping[str, object]) -> None:
    """Raise ``BadInput`` if another report was asked for beside one that goes with none."""
    for other in (name for name, value in others.items() if value is not None):
        raise BadInput(
            f"{wanted.split()[0]} goes with none of the other reports, nor with {other}; give it alone: "
            f"python -m sd.report {wanted}"
        )


def _grid_tables(
    grids: list[Path], checkpoint: str, *, minimal: bool, cost: bool, db: str | None, root: Path
) -> list[Table]:
    """The tables of a grid, whose records are taken in first; or what it costs."""
    plan, _ = verb.read_plan(grids, minimal=minimal)
    database = open_database(db)
    for line in take_stock(plan, root, database)[1]:
        print(line, file=sys.stderr)
    if cost:
        return [cost_table(plan, database)]
    fill = f"python -m sd.launch {' '.join(map(str, grids))}{_local()}"
    shown = checkpoints_of(checkpoint)
    with numbers_expected(database):
        return [table for name in shown for table in grid_tables(plan, database, checkpoint=name, fill=fill)]


def _paper_tables(table: str, checkpoint: str, db: str | None) -> list[Table]:
    """One of the paper's tables, or all."""
    numbers = _numbers(table)
    database = open_database(db)
    fills = {number: f"python -m sd.launch jobs/table{number}.yaml{_local()}" for number in numbers}
    with numbers_expected(database):
        return [paper_table(n, database, checkpoint=checkpoint, fill=fills[n]) for n in numbers]


def _local() -> str:
    """What a command that launches needs besides, where there is no SLURM."""
    return "" if slurm.available() else " --local"


def _print(tables: list[Table], format_: str | None) -> None:
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


def _missing(
    grids: list[Path] | None, table: str | None, figure: str | None, look: Look, *, claims: bool
) -> list[Table]:
    """What is missing of the one thing that was asked for, or of everything."""
    if sum((bool(grids), table is not None, figure is not None, claims)) > 1:
        raise BadInput("--missing is of one thing: grid files, --table N, --figure N or --claims; alone of everything")
    if grids:
        return missing_of_grid(verb.read_plan(grids, minimal=look.minimal)[0], grids, look)
    if claims:
        return missing_of_claims(look)
    if table is not None:
        return missing_of_artefact("Table", table, look)
    if figure is not None:
        return missing_of_artefact("Figure", figure, look)
    return missing_of_everything(look)


def _why(address: str, grids: list[Path] | None, format_: str, checkpoint: str, db: str | None, root: Path) -> None:
    """What stands behind a number; a grid that its address names is one that is given, or one in jobs/."""
    from sd.render.provenance.asked import why
    from sd.render.provenance.written import write_answer

    given = {verb.read_plan(grids)[0].name: grids} if grids else {}
    sources = _sources(open_database(db), root, given)
    sys.stdout.write(write_answer(why(address, sources, checkpoint=checkpoint), format_))


def _sources(database: Database, root: Path, given: dict[str, list[Path]]) -> "Sources":
    """Where answers come from; a grid that an address names is one of those given, by name, or one in jobs/."""
    from sd.render.provenance.asked import Sources

    def plan_of(name: str) -> tuple[Plan, list[Path]] | None:
        named = [Path(part) if part.endswith(".yaml") else Path("jobs", f"{part}.yaml") for part in name.split(" + ")]
        paths = given.get(name, named)
        if not all(verb.shipped(path).is_file() for path in paths):
            return None
        found = verb.read_plan(paths)[0]
        database.ingest(path for key in found.steps for path in records_of(cell_folder(root, key)))
        return found, paths

    return Sources(database, root, plan_of, logs_of(root), slurm.available())


def _bundle(path: Path, db: str | None, root: Path) -> None:
    """Everything in one file; scipy and matplotlib, which it needs, are slow to import."""
    from sd.render.bundle.archive import write_bundle

    database = open_database(db)
    for line in database.ingest(find_records(root)).refused:
        print(line, file=sys.stderr)
    names = write_bundle(path, Look(database, root, slurm.available()), _sources(database, root, {}))
    print(f"{path}: {counted(len(names), 'file')}; README.md in it says what is what")


def _figures(
    grids: list[Path] | None,
    figure: str,
    format_: str,
    out: Path | None,
    *,
    checkpoint: str,
    split: str,
    study: str | None,
    db: str | None,
) -> None:
    """Figures into files; matplotlib takes longer to import than a table takes to render."""
    from sd.render.figures.files import numbers, write_figures

    wanted = numbers(figure, format_)
    keys = verb.read_plan(grids)[0].steps if grids else None
    database = open_database(db)
    with numbers_expected(database):
        written, missing = write_figures(
            wanted, database, format_, out, checkpoint=checkpoint, split=split, study=study, keys=keys
        )
    for path, caption in written:
        print(f"{caption}\nwritten: {path}")
    for line in missing:
        print(line, file=sys.stderr)
    if missing and not (len(wanted) > 1 and written):
        raise typer.Exit(1)


def _site(grids: list[Path] | None, place: Path, *, minimal: bool, db: str | None, root: Path) -> None:
    """The site; of a grid once its records are taken in."""
    from sd.render.provenance.asked import Sources
    from sd.render.site.build import build_site
    from sd.render.site.grids import Grid, plan_of, shipped_grids

    database = open_database(db)
    options = _local()
    only = verb.read_plan(grids, minimal=minimal)[0] if grids else None
    for line in take_stock(only, root, database)[1] if only else []:
        print(line, file=sys.stderr)
    command = f"python -m sd.launch {' '.join(map(str, grids or []))}{options}"
    shown = [Grid(only, grids or [], command)] if only else shipped_grids(options)
    sources = Sources(database, root, plan_of(shown), logs_of(root), slurm.available())
    with numbers_expected(database):
        pages = build_site(sources, place, shown, only=only)
    print(f"{pages:,} pages; open {place / 'index.html'}")


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
    database, of = open_database(db), plan.name if plan else ""
    with numbers_expected(database):
        page = claims_page(database, list(checkpoints_of(checkpoint)), plan.steps if plan else None, of=of)
    if format_ is None and sys.stdout.isatty():
        draw_claims(page, Console())
    else:
        sys.stdout.write(write_claims(page, format_ or "md"))


if __name__ == "__main__":
    verb.main(app)
