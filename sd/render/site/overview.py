"""What the first page says: verdicts, how far the grids are, what the database holds and what that took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sd.plan.schedule import Plan
from sd.render.beside import BOTH
from sd.render.claims.needed import Needed
from sd.render.claims.page import Page, Section
from sd.render.claims.study import Study
from sd.render.site.catalogue import Catalogue
from sd.store.database import Database
from sd.store.progress import known_facts

VERDICTS = ("supported", "contradicted", "undecided", "cannot be decided", "no data")


@dataclass(frozen=True)
class Verdicts:
    """The verdicts on every claim.

    Attributes:
        studies: what they are on.
        found: by claim, study and checkpoint.
    """

    sections: Sequence[Section]
    studies: Sequence[Study]
    found: Mapping[tuple[str, Study, str], str]

    def on(self, section: Section, study: Study) -> list[tuple[str, Sequence[str]]]:
        """The verdicts on a claim in a study, each with its checkpoints: one where all say the same."""
        said: dict[str, list[str]] = {}
        for checkpoint in BOTH:
            verdict = self.found.get((section.claim.id, study, checkpoint))
            if verdict:
                said.setdefault(verdict, []).append(checkpoint)
        return list(said.items())

    def counted(self, study: Study, checkpoint: str) -> list[tuple[str, int]]:
        """How many claims have each verdict in a study."""
        own = [self.found.get((section.claim.id, study, checkpoint), "no data") for section in self.sections]
        return [(verdict, own.count(verdict)) for verdict in VERDICTS]


@dataclass(frozen=True)
class Extent:
    """How much of a grid the database holds: cells with their accuracy and all measures that the grid wants."""

    name: str
    done: int
    cells: int
    seen: int


@dataclass(frozen=True)
class Totals:
    """What the database (or a grid's part of it) holds; hours are of devices, failed attempts included."""

    cells: int
    trained: int
    epochs: int
    measured: int
    attempts: int
    failed: int
    hours: Sequence[tuple[str, int, float]]


def verdicts(page: Page) -> Verdicts:
    """The page of claims by claim, study and checkpoint."""
    found = {
        (section.claim.id, case.study, case.checkpoint): str(case.verdict)
        for section in page.sections
        for case, _ in section.cases
    }
    count: dict[Study, int] = {}
    for _, study, _ in found:
        count[study] = count.get(study, 0) + 1
    return Verdicts(page.sections, sorted(count, key=lambda study: (study.protocol != "", study)), found)


def open_cases(section: Section) -> list[tuple[Study, list[str], Needed]]:
    """What would decide a claim in each study; checkpoints at which it is the same stand together."""
    found: dict[tuple[Study, Needed], list[str]] = {}
    for case, needed in section.cases:
        if needed:
            found.setdefault((case.study, needed), []).append(case.checkpoint)
    return [(study, checkpoints, needed) for (study, needed), checkpoints in found.items()]


def extents(database: Database, plans: Sequence[Plan]) -> list[Extent]:
    """How far each grid is: those that have been begun first, the fullest before others."""
    known = known_facts(database)
    found = [
        Extent(
            plan.name,
            sum(known.has(step) for step in plan.steps.values()),
            len(plan.steps),
            sum(key in known.cells for key in plan.steps),
        )
        for plan in plans
    ]
    return sorted(found, key=lambda extent: (-extent.done / max(extent.cells, 1), extent.name))


def totals(database: Database, catalogue: Catalogue, *, whole: bool) -> Totals:
    """The counts of a catalogue's cells; of a ``whole`` database also of attempts at cells that have no result."""
    attempts = _by_cell(database, "attempts", catalogue, whole=whole)
    failed = _by_cell(database, "attempts", catalogue, whole=whole, where="WHERE status = 'failed'")
    return Totals(
        cells=len(catalogue.cells),
        trained=sum(cell.origin == "trained" for cell in catalogue.cells),
        epochs=_by_cell(database, "epochs", catalogue, whole=whole),
        measured=_by_cell(database, "curvature", catalogue, whole=whole),
        attempts=attempts,
        failed=failed,
        hours=_hours(database, catalogue, whole=whole),
    )


def _by_cell(database: Database, table: str, catalogue: Catalogue, *, whole: bool, where: str = "") -> int:
    rows = database.rows(f"SELECT cell_key, COUNT(*) AS number FROM {table} {where} GROUP BY cell_key")
    return sum(row["number"] for row in rows if whole or row["cell_key"] in catalogue.by_key)


def _hours(database: Database, catalogue: Catalogue, *, whole: bool) -> list[tuple[str, int, float]]:
    """Device, number of cells, hours; the busiest first."""
    device = "CASE WHEN device LIKE 'cuda:%' THEN 'cuda' || substr(device, 7) ELSE device END"
    rows = database.rows(
        f"SELECT cell_key, {device} AS device, SUM(seconds) AS seconds FROM attempts"
        " WHERE device IS NOT NULL AND seconds IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
    )
    found: dict[str, list[float]] = {}
    for row in rows:
        if whole or row["cell_key"] in catalogue.by_key:
            found.setdefault(row["device"], []).append(row["seconds"] / 3600)
    counted = [(name, len(hours), sum(hours)) for name, hours in found.items()]
    return sorted(counted, key=lambda item: (-item[2], item[0]))
