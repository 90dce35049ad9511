"""``python -m sd.db ingest | rebuild | check | export | query | metadata``: the database and what it is made from."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from sd import BadInput, verb
from sd.render.answer import write_answer
from sd.render.testbed import told
from sd.render.words import counted
from sd.store.database import open_database
from sd.store.export import export_tables
from sd.store.metadata import written_metadata
from sd.store.queries import ask, listed
from sd.store.rebuild import rebuild_database
from sd.store.record import find_records
from sd.store.soundness import check_all, what_is_here
from sd.store.target import DEFAULT_DB, database_file
from sd.store.testbed import read_testbed

app = verb.app("db")


@app.command()
def ingest(
    db: verb.Db = None,
    root: verb.Root = None,
    testbed: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Take in a published table of models under a shift instead of records."),
    ] = None,
) -> None:
    """Take every record under the root into the database; what is there already is passed over.

    With --testbed, the accuracies of published models, against which effective robustness is measured: they take the
    place of those that were there for the same test sets.
    """
    if testbed:
        models = read_testbed(testbed)
        open_database(db, create=True).take_testbed(models)
        for line in told(models):
            print(line)
        return
    taken = open_database(db, create=True).ingest(find_records(verb.read_site(None, root).root))
    _tell(f"{counted(taken.new, 'new record')} taken in", taken.refused)


@app.command()
def rebuild(db: verb.Db = None, root: verb.Root = None) -> None:
    """Make an SQLite database again from the records alone; the old file is kept beside it."""
    made = rebuild_database(db, verb.read_site(None, root).root)
    lost = f"; {counted(made.lost, 'cell')} of the old one without a record here" if made.lost else ""
    kept = f"; the old one is {made.old}{lost}" if made.old else ""
    _tell(f"{made.named}: made from {counted(made.taken.new, 'record')}{kept}", made.taken.refused)


@app.command()
def check(db: verb.Db = None, root: verb.Root = None) -> None:
    """Check the database, its references, and the records and checkpoints under the root; exit code 1 if any is off."""
    database, place = open_database(db), verb.read_site(None, root).root
    problems = check_all(database, place)
    for line in problems:
        print(line)
    here = what_is_here(database, place)
    if here.elsewhere:
        records = counted(here.elsewhere, "record")
        print(f"{records} that {database.shown} was made from are not under {place}: a rebuild there would lose them")
    if problems:
        raise typer.Exit(1)
    if not here.records:
        print("the database is sound; none of its records is here to be compared with it")
        return
    gone = f"; {counted(here.gone, 'checkpoint')} of theirs not here" if here.gone else ""
    found = f"{counted(here.records, 'record')} and {counted(here.checkpoints, 'checkpoint')}"
    print(f"the database and what is under {place}, {found}, are sound{gone}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the CSV files; made if it is not there.")],
    db: verb.Db = None,
) -> None:
    """Write every table and view as CSV."""
    names = export_tables(open_database(db), folder)
    print(f"{len(names)} files in {folder}: {', '.join(names)}")


@app.command()
def query(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A query, table or view; without one the queries are listed.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="What the query asks back; can be given again.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="md, csv or json.")] = "md",
    db: verb.Db = None,
) -> None:
    """Answer one of the questions of sql/queries, or show a table or view."""
    given = dict(_assigned(text) for text in param or [])
    if name is None:
        sys.stdout.write(write_answer(*listed(), format_))
    else:
        sys.stdout.write(write_answer(*ask(open_database(db), name, given), format_))


@app.command()
def metadata(db: verb.Db = None) -> None:
    """Print what datasette shows of the database: datasette results.db --metadata metadata.json."""
    sys.stdout.write(written_metadata((database_file(db) or Path(DEFAULT_DB)).stem))


def _assigned(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` as the two."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise BadInput(f"--param: {text!r} assigns nothing; give NAME=VALUE, as --param checkpoint=last")
    return name, value


def _tell(line: str, refused: list[str]) -> None:
    print(line)
    for reason in refused:
        print(reason, file=sys.stderr)
    if refused:
        raise typer.Exit(1)


if __name__ == "__main__":
    verb.main(app)
