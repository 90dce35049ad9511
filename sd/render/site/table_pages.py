"""Every page of tables: the paper's, those of grids, and why each number of ours in them is what it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from sd.render.provenance.asked import Sources
from sd.render.site.catalogue import Catalogue
from sd.render.site.grids import Grid
from sd.render.site.tables import grid_page, paper_pages, write_table_page
from sd.render.site.why import write_answers
from sd.render.site.writer import Writer


@dataclass(frozen=True)
class Tables:
    """What the pages of tables are made from.

    Attributes:
        whole: whether the site is of the whole database; else of the one grid alone.
    """

    sources: Sources
    grids: Sequence[Grid]
    whole: bool


def write_table_pages(writer: Writer, tables: Tables, catalogue: Catalogue) -> dict[str, str]:
    """Write the pages of tables; the file of each grid that has one, by its name."""
    sources, whole = tables.sources, tables.whole
    paper = paper_pages(sources.database) if whole else []
    begun = [grid for grid in tables.grids if not whole or any(key in catalogue.by_key for key in grid.plan.steps)]
    pages = [grid_page(grid, sources.database) for grid in begun]
    links = write_answers(writer, [*paper, *pages], sources, catalogue)
    for page in [*paper, *pages]:
        write_table_page(writer, page, links)
    writer.page("tables/index.html", "tables", "Tables", paper=paper, grids=pages, groups=catalogue.groups)
    return {grid.plan.name: page.file for grid, page in zip(begun, pages, strict=True)}
