"""How well the probabilities of a grid's models fit the labels of the test set."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sd.plan.schedule import Plan
from sd.render.layout import place_of
from sd.render.lines import lines_of
from sd.render.provenance.grid_address import GridAddress
from sd.render.provenance.metric import METRICS
from sd.render.table import Entry, Table
from sd.store.database import Database

_COLUMNS = (("NLL", "nll"), ("ECE", "ece"), ("Brier", "brier"))


def calibration_tables(plan: Plan, database: Database, *, checkpoint: str, notes: list[str]) -> Iterator[Table]:
    """Likelihood, calibration error and Brier score of each model; no table where none has been scored yet.

    Args:
        notes: what stands below the table.
    """
    rows = database.named("calibration_summary", source="calibration_outcomes", keys=plan.steps)
    found = {r["setting"]: r for r in rows if (r["split"], r["checkpoint"]) == ("test", checkpoint)}
    if not found:
        return
    lines = lines_of(plan.cells)
    body: list[list[str | Entry]] = []
    for line in (line for line in lines if line.setting in found):
        way = GridAddress(plan.name, *place_of(line.cells[0]), checkpoint=checkpoint)
        entries = [_entry(found[line.setting], replace(way, metric=name), lines.seeds) for _, name in _COLUMNS]
        body.append([*line.identity, *entries])
    old = any(row["brier_n"] < row["n"] for row in found.values())
    unknown = "A seed that lacks a number, or —, was trained when sd did not take it yet."
    yield Table(
        title=f"{plan.name}: calibration on the test split",
        caption=f"At checkpoint {checkpoint}: {lines.spread}. NLL is the mean cross-entropy in nats; ECE the expected "
        "calibration error over 15 bins, a fraction; Brier the summed squared difference between probabilities and "
        "label, 0 to 2.",
        headers=[*lines.headers, *(title for title, _ in _COLUMNS)],
        rows=body,
        notes=[*notes, *([unknown] if old else [])],
    )


def _entry(row: dict[str, Any], way: GridAddress, expected: int) -> Entry:
    metric = METRICS[way.metric]
    if row[metric.column] is None:
        return Entry(None)
    std, n = row[f"{metric.column}_std"], row.get(f"{metric.column}_n", row["n"])
    return Entry(row[metric.column], std, n, expected, decimals=metric.decimals, why=str(way))
