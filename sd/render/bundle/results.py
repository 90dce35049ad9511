"""What was found, as files of the bundle: tables, figures, claims, where numbers come from, and what is missing."""

from collections.abc import Iterator, Sequence

from sd import BadInput
from sd.plan.artefacts import grid_plan
from sd.render.beside import BOTH
from sd.render.bundle.part import Part
from sd.render.claims.page import claims_page
from sd.render.claims.written import write_claims
from sd.render.figures.catalogue import FIGURES
from sd.render.figures.drawing import FORMATS as FIGURE_FORMATS
from sd.render.figures.drawing import draw
from sd.render.formats import write_tables
from sd.render.grid_tables import grid_tables
from sd.render.missing_of_paper import Look, cost_of_artefacts, missing_of_claims, missing_of_everything
from sd.render.paper_tables import TITLES, paper_table
from sd.render.provenance.asked import Sources, why_each
from sd.render.table import Entry, Table
from sd.store.database import Database

_TABLE_FORMATS = ("md", "tex", "csv", "html")
_CLAIM_FORMATS = ("md", "tex", "csv", "html", "json")


def results(look: Look, sources: Sources, grids: Sequence[str]) -> Iterator[Part]:
    """Everything that was found; ``grids`` are the names of those in ``jobs/``."""
    tables = {f"table{number}": _paper(number, look.database) for number in TITLES}
    for number in TITLES:
        command = f"python -m sd.report --table {number} --checkpoint both"
        yield from _written(f"tables/table{number}", tables[f"table{number}"], f"the paper's Table {number}", command)
    for name in grids:
        plan = grid_plan(name)
        found = [
            table
            for checkpoint in BOTH
            for table in grid_tables(
                plan, look.database, checkpoint=checkpoint, fill=f"python -m sd.launch jobs/{name}.yaml"
            )
        ]
        if any(isinstance(item, Entry) and item.mean is not None for t in found for row in t.rows for item in row):
            tables[name] = found
            command = f"python -m sd.report jobs/{name}.yaml --checkpoint both"
            yield from _written(f"tables/grid_{name}", found, f"the tables of jobs/{name}.yaml", command)
    yield from _figures(look.database)
    page = claims_page(look.database, list(BOTH))
    for format_ in _CLAIM_FORMATS:
        command = f"python -m sd.report --claims --checkpoint both --format {format_}"
        text = write_claims(page, format_).encode()
        yield Part(f"claims/claims.{format_}", text, "the verdicts on the paper's claims", command)
    yield Part(
        "provenance/numbers.csv",
        _numbers([table for of in tables.values() for table in of], sources).encode(),
        "every number of ours in the tables: its address, the keys of its runs, the SHA-256 of their checkpoints",
        "python -m sd.report --why ADDRESS",
    )
    missing = write_tables(missing_of_everything(look), "md").encode()
    yield Part("missing.md", missing, "what is missing of tables, figures and grids", "python -m sd.report --missing")
    lacking = write_tables(missing_of_claims(look), "md").encode()
    command = "python -m sd.report --missing --claims"
    yield Part("missing_of_claims.md", lacking, "what is missing of the facts for claims", command)
    cost = write_tables([cost_of_artefacts(look)], "md").encode()
    yield Part("cost.md", cost, "what each table and figure takes", "python -m sd.report --cost")


def _paper(number: int, database: Database) -> list[Table]:
    fill = f"python -m sd.launch jobs/table{number}.yaml"
    return [paper_table(number, database, checkpoint="both", fill=fill)]


def _written(path: str, tables: Sequence[Table], what: str, command: str) -> Iterator[Part]:
    for format_ in _TABLE_FORMATS:
        content = write_tables(tables, format_).encode()
        yield Part(f"{path}.{format_}", content, what, f"{command} --format {format_}")


def _figures(database: Database) -> Iterator[Part]:
    """Each figure for which there are data, in every format; and the captions, which also say what is missing."""
    captions = ["# Figures"]
    for number in FIGURES:
        drawn = draw(number, database)
        captions.append(f"**Figure {number}: {drawn.title}.** {drawn.caption or drawn.missing}")
        for format_ in () if drawn.missing else FIGURE_FORMATS:
            try:
                content = drawn.written(format_)
            except BadInput:  # a drawing without data is no CSV
                continue
            command = f"python -m sd.report --figure {number} --format {format_}"
            what = "the numbers in" if format_ == "csv" else ""
            yield Part(f"figures/figure{number}.{format_}", content, f"{what} Figure {number}".strip(), command)
    text = "\n\n".join(captions) + "\n"
    yield Part("figures/captions.md", text.encode(), "the captions of all figures", "python -m sd.report --figure all")


def _numbers(tables: Sequence[Table], sources: Sources) -> str:
    """A line for each number of ours that stands in a table."""
    found = [item for table in tables for row in table.rows for item in row if isinstance(item, Entry) and item.why]
    answers = why_each([entry.why for entry in found], sources)
    rows: list[list[str | Entry]] = [
        [
            answer.address,
            answer.text,
            *(("" if value is None else f"{value:.10g}") for value in (answer.mean, answer.std)),
            str(answer.n),
            " ".join(run.key for run in answer.runs),
            " ".join(run.sha256 or "-" for run in answer.runs),
        ]
        for answer in answers.values()
    ]
    headers = ["address", "printed", "mean", "std", "n", "keys", "checkpoint_sha256"]
    return write_tables([Table("numbers", "", headers, rows)], "csv")
