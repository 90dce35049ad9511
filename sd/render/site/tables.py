"""The site's pages of tables: the paper's own, those of grids, and everything that was measured of a study."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sd.render.beside import BOTH
from sd.render.formats import FORMATS, write_tables
from sd.render.grid_tables import grid_tables
from sd.render.paper_tables import TITLES, paper_table
from sd.render.site.catalogue import Brief, Group, arch_title, aug_title, slug
from sd.render.site.grids import Grid
from sd.render.site.writer import Writer
from sd.render.table import Entry, Table
from sd.store.database import Database

_NAMES = {"md": "Markdown", "tex": "LaTeX", "csv": "CSV"}


@dataclass(frozen=True)
class Section:
    """The tables at one checkpoint, and the files that hold them in other formats."""

    checkpoint: str
    tables: Sequence[Table]
    files: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class TablePage:
    """A page of tables.

    Attributes:
        stem: of its file names.
    """

    stem: str
    title: str
    sections: Sequence[Section]

    @property
    def file(self) -> str:
        return f"{self.stem}.html"

    def identity(self, table: Table) -> int:
        """How many of a table's first columns say «as above» with a blank."""
        return table.headers.index("Source") if "Source" in table.headers else 0


@dataclass(frozen=True)
class Setting:
    """A line of a study's page: cells that differ in their seed alone."""

    arch: str
    aug: str
    model: str
    alpha: str
    apart: str
    best_test: Entry
    last: Entry
    cells: Sequence[Brief]


def paper_pages(database: Database) -> list[TablePage]:
    """The paper's tables, at each checkpoint."""
    return [
        TablePage(
            f"table{number}",
            title,
            [Section(name, [paper_table(number, database, checkpoint=name)]) for name in BOTH],
        )
        for number, title in TITLES.items()
    ]


def grid_page(grid: Grid, database: Database) -> TablePage:
    """The tables of a grid, at each checkpoint."""
    plan, fill = grid.plan, grid.command
    sections = [Section(name, grid_tables(plan, database, checkpoint=name, fill=fill)) for name in BOTH]
    return TablePage(f"grid-{slug(plan.name)}", f"Grid {plan.name}", sections)


def write_table_page(writer: Writer, page: TablePage, links: Mapping[str, str]) -> None:
    """Write a page and, beside it, its tables in the other formats.

    Args:
        links: where the address of a number leads to, relative to the site.
    """
    sections = []
    for section in page.sections:
        files = []
        for format_ in (name for name in FORMATS if name in _NAMES):
            file = f"{page.stem}-{section.checkpoint}.{format_}"
            writer.file(f"tables/{file}", write_tables(section.tables, format_).encode())
            files.append((_NAMES[format_], file))
        sections.append(Section(section.checkpoint, section.tables, files))
    whole = TablePage(page.stem, page.title, sections)
    writer.page(f"tables/{page.file}", "table", "Tables", page=whole, links=links)


def settings(group: Group) -> list[Setting]:
    """The lines of a study's page, in the order of architecture, augmentation, model and weight."""
    found: dict[str, list[Brief]] = {}
    for cell in sorted(group.cells, key=lambda cell: (cell.arch, cell.aug, _rank(cell.model), cell.alpha or 0)):
        found.setdefault(cell.setting, []).append(cell)
    return [_setting(sorted(cells, key=lambda cell: (cell.seed, cell.key))) for cells in found.values()]


def _rank(model: str) -> tuple[int, str]:
    """T, then the rounds, then SAM, ensembles and whatever else."""
    return (0 if model == "T" else 1 if model[:2] in ("R1", "R2", "R3") else 2, model)


def _setting(cells: Sequence[Brief]) -> Setting:
    one = cells[0]
    apart = [f"τ = {one.tau:g}"] if one.tau is not None else []
    apart += [f"taught by {one.teacher_checkpoint}"] if one.teacher_checkpoint else []
    apart += [one.method.replace("_", " ")] if one.method and one.method != "distillation" else []
    return Setting(
        arch_title(one.arch),
        aug_title(one.aug),
        one.model,
        f"{one.alpha:g}" if one.alpha is not None else "",
        ", ".join(apart),
        _entry([cell.best_test for cell in cells]),
        _entry([cell.last for cell in cells]),
        cells,
    )


def _entry(values: Sequence[float | None]) -> Entry:
    known = [value for value in values if value is not None]
    if not known:
        return Entry(None)
    std = statistics.stdev(known) if len(known) > 1 else None
    return Entry(statistics.fmean(known), std, len(known), len(values))
