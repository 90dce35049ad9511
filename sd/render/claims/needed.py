"""How many seeds would decide what is undecided, the lines of a grid that adds them, and the hours these would take."""

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sd import BadInput
from sd.plan.catalogue import is_own
from sd.plan.cost import Paces, estimate
from sd.plan.grid import read_grid
from sd.plan.schedule import plan
from sd.render.claims.grid_lines import grid_lines
from sd.render.claims.judge import LEVEL, Case, Judged
from sd.render.forecast import hours
from sd.render.sample_size import MOST, POWER
from sd.store.database import Database

PacesOn = Callable[[str], Paces]
"""The paces on a kind of device, ``cuda`` or ``cpu``."""

# So many further seeds are listed.
_LISTED = 60


@dataclass(frozen=True)
class Needed:
    """What would decide a case.

    Attributes:
        seeds: how many; ``None`` if none would.
        words: the same, and under which assumptions.
        lines: entries for ``cells:`` of a grid that adds them.
        cost: the hours of these lines, in words; empty where there are none or where it is not known.
    """

    seeds: int | None
    words: str
    lines: tuple[str, ...] = ()
    cost: str = ""


def needed(case: Case, database: Database, paces_on: PacesOn) -> Needed | None:
    """What would decide a case that is undecided; ``None`` if it is decided.

    A part's number is that with which it has power 0.8 at the level .05 / (parts of the family), Holm's strictest, if
    the effect and the spread are those that were observed; the case needs the largest of its parts' numbers.
    """
    open_parts = [part for part in case.deciding if part.verdict in ("undecided", "cannot be decided")]
    if not open_parts or case.verdict == "contradicted":
        return None
    seeds = sorted({row["seed"] for row in case.rows})
    wanted = [_seeds_for(part, len(seeds), case.tests) for part in open_parts]
    unknown = [part.finding.part for part, number in zip(open_parts, wanted, strict=True) if number is None]
    assumed = f"power {POWER:g} at .05/{case.tests}, at the observed effect and spread"
    if unknown:
        return Needed(
            None,
            f"no number of seeds that could be trained would decide it ({assumed}): {'; '.join(unknown)}: too small an "
            f"effect for its spread (more than {MOST:,} would be needed), or nothing that more seeds show",
        )
    most = max(number for number in wanted if number is not None)
    fresh = _fresh(seeds, most - len(seeds))
    lines, unsure = grid_lines(case, database, fresh)
    words = f"{most} seeds instead of {len(seeds)} would decide it ({assumed})"
    cost = _hours(case, database, paces_on, lines)
    if len(fresh) > _LISTED:
        return Needed(most, f"{words}; {len(fresh)} more are too many to list", (), cost)
    return Needed(most, f"{words}; add under cells: of a grid{unsure}:", tuple(lines), cost)


def _seeds_for(part: Judged, seeds: int, tests: int) -> int | None:
    """Seeds with which a part is decided; ``None`` where that is not to be expected."""
    count = part.finding.needs(LEVEL / tests)
    return None if count is None else max(math.ceil(count / part.finding.a_seed_adds), seeds + 1)


def _fresh(seeds: Sequence[int], count: int) -> list[int]:
    """So many seeds that are not there yet."""
    found: list[int] = []
    seed = 0
    while len(found) < count:
        if seed not in seeds:
            found.append(seed)
        seed += 1
    return found


def _hours(case: Case, database: Database, paces_on: PacesOn, lines: Sequence[str]) -> str:
    """The hours of exactly these lines, at the pace that their like had; empty where they cannot be planned."""
    if is_own(case.study.dataset):
        return ""
    with tempfile.TemporaryDirectory() as folder:
        grid = Path(folder) / "needed.yaml"
        grid.write_text("name: needed\ncells:\n" + "\n".join(f"  {line}" for line in lines) + "\n", encoding="utf-8")
        try:
            steps = plan([read_grid(grid)]).steps
        except BadInput:
            return ""
    kind = _usual_device(case, database)
    cost = estimate(steps.values(), dict.fromkeys(steps, kind), {kind: paces_on(kind)})
    measured = "at the pace of cells like them" if cost.measured else "by operations, at an assumed pace"
    return f"{len(steps)} cells, {hours(cost)}, {measured}" if cost.seconds else f"{len(steps)} cells, of unknown cost"


def _usual_device(case: Case, database: Database) -> str:
    """``cuda`` or ``cpu``: where most cells of the data set have been trained."""
    rows = database.rows(
        "SELECT a.device, COUNT(*) AS cells FROM attempts a JOIN cells c ON c.key = a.cell_key"
        " WHERE c.dataset = :dataset AND a.device IS NOT NULL GROUP BY a.device",
        dataset=case.study.dataset,
    )
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["device"].partition(" ")[0].partition(":")[0]] += row["cells"]
    return counts.most_common(1)[0][0] if counts else "cuda"
