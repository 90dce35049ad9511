"""How far students' answers are from their teachers': a table for each split on which a grid measures it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sd.plan.measure import Fidelity
from sd.plan.schedule import Plan
from sd.render.layout import place_of
from sd.render.lines import lines_of
from sd.render.provenance.grid_address import GridAddress
from sd.render.provenance.metric import METRICS
from sd.render.table import Entry, Table
from sd.store.database import Database

_COLUMNS = (
    ("MSE", "mse"),
    ("MSE, centred", "mse_centred"),
    ("Agreement", "agreement"),
    ("KL", "kl"),
    ("KL at τ", "kl_tau"),
)


def fidelity_tables(plan: Plan, database: Database, *, checkpoint: str, notes: list[str], fill: str) -> Iterator[Table]:
    """The tables of a plan's students beside their teachers.

    Args:
        checkpoint: of the students; their teachers are at the one that taught.
        notes: what stands below each table.
        fill: the command that fills what is missing.
    """
    wanted = {m.key: m for step in plan.steps.values() for m in step.measures if isinstance(m, Fidelity)}
    measures = [measure for measure in wanted.values() if checkpoint in measure.checkpoints]
    rows = database.named("fidelity_summary", source="fidelity_outcomes", keys=plan.steps) if measures else []
    for measure in measures:
        for split in measure.splits:
            place = (measure.key, split, checkpoint)
            found = {r["setting"]: r for r in rows if (r["measure_key"], r["split"], r["checkpoint"]) == place}
            yield _table(plan, measure, split, checkpoint, found, notes, fill)


def _table(
    plan: Plan,
    measure: Fidelity,
    split: str,
    checkpoint: str,
    found: dict[str, dict[str, Any]],
    notes: list[str],
    fill: str,
) -> Table:
    lines = lines_of(step.cell for step in plan.steps.values() if measure in step.measures)
    rows: list[list[str | Entry]] = []
    for line in lines:
        row = found.get(line.setting)
        way = GridAddress(plan.name, *place_of(line.cells[0]), "", split, measure.key, checkpoint)
        entries = [_entry(row, replace(way, metric=name), lines.seeds) for _, name in _COLUMNS]
        rows.append([*line.identity, *entries])
    missing = any(line.setting not in found for line in lines)
    samples = max((row["n_samples"] for row in found.values()), default=0)
    images = f"{samples:,} {split} images" if samples else f"the {split} split"
    return Table(
        title=f"{plan.name}: students beside their teachers on the {split} split",
        caption=f"Each student against the checkpoint that taught it, on {images} without augmentation: "
        f"{lines.spread}. MSE is the mean squared difference of the logits; centred, after each image's mean logit has "
        "been taken off both; agreement is the share of images, in percent, of which both say the same class; KL is "
        "the divergence of the student's softmax from the teacher's in nats, at temperature 1 and at that of the loss.",
        headers=[*lines.headers, *(title for title, _ in _COLUMNS)],
        rows=rows,
        notes=[*notes, *([f"— is not measured yet; fill it with: {fill}"] if missing else [])],
    )


def _entry(row: dict[str, Any] | None, way: GridAddress, expected: int) -> Entry:
    if row is None:
        return Entry(None)
    name, decimals = way.metric, METRICS[way.metric].decimals
    return Entry(row[name], row[f"{name}_std"], row["n"], expected, decimals=decimals, why=str(way))
