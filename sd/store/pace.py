"""How fast cells have been, by what the database knows, so that what is to come can be priced."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sd.plan.cost import Estimate, Pace, Paces, estimate
from sd.plan.schedule import Plan, Step
from sd.store.database import Database
from sd.store.schema import HEADS

# What an attempt noted as its device, without the index of a GPU: one card is as fast as the next.
_HARDWARE = "CASE WHEN a.device LIKE 'cuda:%' THEN 'cuda' || substr(a.device, 7) ELSE a.device END"


def priced(database: Database, steps: Iterable[Step], kinds: Mapping[str, str], *, start: float = 0.0) -> Estimate:
    """What these steps will take (``sd.plan.cost.estimate``), by the paces that this database knows now.

    They are read for it; who prices several things reads them once, and estimates each.
    """
    return estimate(steps, kinds, all_paces(database, set(kinds.values())), start=start)


def all_paces(database: Database, kinds: Collection[str] = ("cpu", "cuda")) -> dict[str, Paces]:
    """The paces on these kinds of devices, by kind, as the database knows them now."""
    return {kind: paces(database, kind) for kind in sorted(kinds)}


def paces(database: Database, device: str) -> dict[tuple[str, str], Pace]:
    """The pace of each (architecture, data set) on a kind of device, as measured on the model that ran most of them.

    Args:
        device: ``cpu`` or ``cuda``.
    """
    measures: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in _measures(database, device):
        measures.setdefault((row["arch"], row["dataset"], row["hardware"]), {})[row["measure_key"]] = row["seconds"]
    found: dict[tuple[str, str], Pace] = {}
    for row in sorted(_epochs(database, device), key=lambda row: -row["cells"]):
        place = (row["arch"], row["dataset"])
        if place not in found:
            found[place] = Pace(
                row["hardware"], row["cells"], row["seconds"], measures.get((*place, row["hardware"]), {})
            )
    return found


def busy_hours(database: Database, keys: Collection[str]) -> float:
    """Hours that devices were busy with these cells, all attempts together; of one that was killed, until its end was
    noticed or its last sign of life."""
    rows = database.rows("SELECT cell_key, SUM(seconds) AS seconds FROM attempts GROUP BY cell_key")
    return sum(row["seconds"] or 0.0 for row in rows if row["cell_key"] in keys) / 3600


def kinds_of(database: Database, plan: Plan) -> dict[str, str]:
    """The kind of device each cell was last tried on; where it was not, what most were, or what its resources ask."""
    rows = database.rows("SELECT cell_key, device FROM attempts WHERE device IS NOT NULL ORDER BY started_at, id")
    tried = {row["cell_key"]: row["device"].partition(" ")[0].partition(":")[0] for row in rows}
    here = [tried[key] for key in plan.steps if key in tried]
    usual = max(sorted(set(here)), key=here.count) if here else None
    asked = {key: "cpu" if step.resources.gpus == 0 else "cuda" for key, step in plan.steps.items()}
    return {key: tried.get(key) or usual or asked[key] for key in plan.steps}


def _epochs(database: Database, device: str) -> list[dict[str, Any]]:
    """Mean seconds of an epoch for each forward pass of a training step (``sd.plan.cost.forwards``).

    Of each cell's last ten epochs: they are as fast as the others, and ten thousand cells have millions. They are
    summed up cell by cell, along their index, before cells are grouped.
    """
    unasked = "c.teacher_key IS NULL OR c.aug = 'none' OR c.method = 'label_smoothing'"
    passes = f"CASE WHEN c.optimizer = 'sam' THEN 6 WHEN {unasked} THEN 3"
    passes += " ELSE 3 + COALESCE(c.teacher_members, 1) END"
    return database.rows(
        f"SELECT c.arch, c.dataset, {_HARDWARE} AS hardware, COUNT(*) AS cells,"
        f" SUM(e.seconds / {passes}) / SUM(e.number) AS seconds"
        " FROM cells c JOIN (SELECT x.cell_key, SUM(x.seconds) AS seconds, COUNT(x.seconds) AS number"
        " FROM cells y JOIN epochs x ON x.cell_key = y.key AND x.epoch > y.epochs - 10 GROUP BY x.cell_key) e"
        " ON e.cell_key = c.key"
        " JOIN (SELECT cell_key, MIN(attempt_id) AS attempt_id FROM evaluations GROUP BY cell_key) v"
        " ON v.cell_key = c.key JOIN attempts a ON a.id = v.attempt_id"
        " WHERE a.device LIKE :kind GROUP BY c.arch, c.dataset, hardware ORDER BY c.arch, c.dataset, hardware",
        kind=f"{device}%",
    )


def _measures(database: Database, device: str) -> list[dict[str, Any]]:
    """Mean seconds of a whole measure of one cell: all its checkpoints and splits."""
    taken = " UNION ALL ".join(f"SELECT cell_key, measure_key, seconds, attempt_id FROM {t}" for t in HEADS.values())
    return database.rows(
        f"SELECT c.arch, c.dataset, {_HARDWARE} AS hardware, h.measure_key,"
        " SUM(h.seconds) / COUNT(DISTINCT c.key) AS seconds"
        f" FROM ({taken}) h JOIN cells c ON c.key = h.cell_key JOIN attempts a ON a.id = h.attempt_id"
        " WHERE a.device LIKE :kind GROUP BY c.arch, c.dataset, hardware, h.measure_key",
        kind=f"{device}%",
    )
