"""The site of a database, or of the cells of a grid in it: every page, written in one go."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sd import __version__, resource
from sd.plan.schedule import Plan
from sd.render.beside import BOTH
from sd.render.claims.page import Page, claims_page
from sd.render.claims.written import CLAIM_FORMATS, write_claims
from sd.render.provenance.asked import Sources
from sd.render.site.catalogue import Brief, Catalogue, arch_title, dataset_title, page_name, read_catalogue
from sd.render.site.crew import Order, crew
from sd.render.site.digest import content_digest
from sd.render.site.folder import site_folder
from sd.render.site.grids import Grid
from sd.render.site.overview import Verdicts, extents, open_cases, totals, verdicts
from sd.render.site.table_pages import Tables
from sd.render.site.tables import settings
from sd.render.site.why import write_claim_answers
from sd.render.site.writer import Frame, Writer
from sd.store.database import Database

PARTS = ("index.html", "about.html", "assets", "claims", "tables", "figures", "studies", "cells", "why")
"""The files and folders of a site."""

_PLACES = (
    ("Overview", "index.html"),
    ("Claims", "claims/index.html"),
    ("Tables", "tables/index.html"),
    ("Figures", "figures/index.html"),
    ("Cells", "cells/index.html"),
    ("About", "about.html"),
)

_HEADERS = {
    "model": "Model",
    "arch": "Architecture",
    "dataset": "Dataset",
    "aug": "Aug",
    "noise": "Noise",
    "alpha": "α",
    "seed": "Seed",
    "protocol": "Recipe",
    "best_test": "best_test",
    "last": "last",
    "key": "Key",
}


def build_site(sources: Sources, place: Path, grids: Sequence[Grid], *, only: Plan | None = None) -> int:
    """Write a site and put it at ``place``, in the place of a former one.

    Args:
        sources: the database, and where the answers to «why» come from.
        grids: those whose progress and tables are shown.
        only: the grid to whose cells it is limited; ``None``: every cell.


    Returns:
        The number of its pages.

    Raises:
        BadInput: something is at ``place`` that is no site, or it cannot be written.
    """
    keys, database = set(only.steps) if only else None, sources.database
    with site_folder(place, PARTS) as folder:
        catalogue = read_catalogue(database, keys)
        frame = Frame(__version__, content_digest(database), _PLACES, only.name if only else "")
        writer = Writer(folder, frame)
        writer.assets()
        tables = Tables(sources, grids, whole=only is None)
        with crew(Order(folder, frame, database, catalogue, keys), tables) as others:
            _cells(writer, database, catalogue, whole=only is None)
            found = _claims(writer, claims_page(database, BOTH, keys, of=frame.grid), sources, catalogue)
            writer.page(
                "index.html",
                "index",
                "Overview",
                verdicts=found,
                totals=totals(database, catalogue, whole=only is None),
                groups=catalogue.groups,
                extents=extents(database, [grid.plan for grid in grids]),
                grid_pages=others.grid_pages(),
            )
            library = json.loads(resource("templates", "site", "assets", "datatables.net", "origin.json").read_text())
            writer.page("about.html", "about", "About", library=library)
            writer.page("figures/index.html", "figures", "Figures", figures=others.figures())
            others.finish()
        return sum(1 for _ in folder.rglob("*.html"))


def _claims(writer: Writer, page: Page, sources: Sources, catalogue: Catalogue) -> Verdicts:
    """Write the pages of the claims; their verdicts."""
    found, links = verdicts(page), write_claim_answers(writer, page.sections, sources, catalogue)
    writer.page("claims/index.html", "claims", "Claims", page=page)
    for section in page.sections:
        writer.page(
            f"claims/{section.claim.id.lower()}.html",
            "claim",
            "Claims",
            section=section,
            verdicts=found,
            open=open_cases(section),
            links=links.get(section.claim.id, {}),
        )
    for format_ in (name for name in CLAIM_FORMATS if name != "html"):
        writer.file(f"claims/claims.{format_}", write_claims(page, format_).encode())
    return found


def _cells(writer: Writer, database: Database, catalogue: Catalogue, *, whole: bool) -> None:
    """The list of all cells, the studies, and a page for each cell."""
    lost = database.rows(
        "SELECT cell_key, number, status, started_at, host, error FROM attempts"
        " WHERE cell_key NOT IN (SELECT key FROM cells) ORDER BY cell_key, number"
    )
    writer.page(
        "cells/index.html",
        "cells",
        "Cells",
        total=len(catalogue.cells),
        groups=catalogue.groups,
        headers=_HEADERS.values(),
        lost=lost if whole else [],
    )
    columns = json.dumps(["page", *_HEADERS])
    rows = ",\n".join(json.dumps(_listed(cell), separators=(",", ":")) for cell in catalogue.cells)
    writer.file("cells/data.js", f"window.sdColumns = {columns};\nwindow.sdCells = [\n{rows}\n];\n".encode())
    for group in catalogue.groups:
        writer.page(f"studies/{group.page}", "study", "Cells", group=group, rows=settings(group))


def _listed(cell: Brief) -> list[Any]:
    """A cell's line in the list of all cells, in the order of ``page`` and the headers."""
    scores = [None if score is None else round(score, 4) for score in (cell.best_test, cell.last)]
    what = [cell.model, arch_title(cell.arch), dataset_title(cell.dataset), cell.aug, cell.label_noise or ""]
    alpha = "" if cell.alpha is None else cell.alpha
    return [page_name(cell.key), *what, alpha, cell.seed, cell.protocol, *scores, cell.key]
