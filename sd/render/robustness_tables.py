"""Does a student inherit its teacher's robustness? A table of a grid's cells under corruptions and natural shifts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from sd.plan.measure import Robustness
from sd.plan.schedule import Plan
from sd.render.layout import identity, identity_headers, lay_out, model_name, model_order, place_of, taught_by
from sd.render.provenance.grid_address import GridAddress
from sd.render.table import Entry, Table
from sd.render.words import counted
from sd.store.database import Database

if TYPE_CHECKING:
    from sd.render.claims.robustness import Line

Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Column:
    """A column of the table.

    Attributes:
        of: what it says of a cell.
        signed: whether that is a difference.
        of_students: whether only students have it.
        metric: what addresses call it (:mod:`sd.render.provenance.metric`); empty where it has none.
    """

    title: str
    of: Callable[[Row], float | None]
    signed: bool = False
    of_students: bool = False
    metric: str = ""


def _column(title: str, metric: str, *, signed: bool = False, of_students: bool = False) -> _Column:
    """One that the view of robustness has."""
    return _Column(title, itemgetter(metric), signed, of_students, metric)


_TESTBEDS = {"cifar101_top1": ("cifar10.1", "CIFAR-10.1"), "imagenetv2_top1": ("imagenet_v2", "ImageNetV2")}
"""By the column of a test set of other origin: the testbed of published models on it, and its name in print."""

_CLEAN = _column("Clean", "clean_top1")
_CORRUPTED = (
    _column("Corrupted", "corrupted_top1"),
    _column("Noise", "noise_top1"),
    _column("Blur", "blur_top1"),
    _column("Digital", "digital_top1"),
    _column("Gap", "gap"),
    _column("Gap − teacher's", "gap_to_teacher", signed=True, of_students=True),
    _column("Error, % of teacher's", "relative_error", of_students=True),
)


def robustness_tables(plan: Plan, database: Database, *, checkpoint: str, fill: str) -> list[Table]:
    """A table for each way in which robustness is measured at this checkpoint: a row for each model of each study."""
    measures = {m.key: m for step in plan.steps.values() for m in step.measures if isinstance(m, Robustness)}
    wanted = [measure for measure in measures.values() if checkpoint in measure.checkpoints]
    if not wanted:
        return []
    found = database.named("robustness_cells", source="robustness_outcomes", keys=plan.steps)
    rows = [row for row in found if row["checkpoint"] == checkpoint]
    lines = _lines(database, rows)
    return [
        _table(plan, measure, checkpoint, [r for r in rows if r["measure_key"] == measure.key], lines, fill)
        for measure in wanted
    ]


def _lines(database: Database, rows: Iterable[Row]) -> "dict[str, Line]":
    """The line through the standard models of each testbed that these rows can be held against."""
    lines: dict[str, Line] = {}
    for column, (testbed, _) in _TESTBEDS.items():
        if any(row[column] is not None for row in rows):
            points = database.rows(
                "SELECT id_top1, ood_top1 FROM testbeds WHERE family = 'standard' AND testbed = :it ORDER BY name",
                it=testbed,
            )
            if len(points) > 2:
                from sd.render.claims import robustness  # slow to import: scipy

                lines[column] = robustness.Line.through([p["id_top1"] for p in points], [p["ood_top1"] for p in points])
    return lines


def _columns(rows: Sequence[Row], lines: "Mapping[str, Line]") -> list[_Column]:
    """The columns of a table: those of which anything was measured."""
    columns = [_CLEAN, *(_CORRUPTED if any(row["corruptions"] for row in rows) else ())]
    for name, (_, title) in _TESTBEDS.items():
        if any(row[name] is not None for row in rows):
            columns.append(_column(title, name))
            columns.append(_column(f"{title} gap", name.replace("_top1", "_gap")))
        if name in lines:
            columns.append(_Column("Effective robustness", partial(_effective, name, lines[name]), signed=True))
    return columns


def _effective(name: str, line: "Line", row: Row) -> float | None:
    """Accuracy beyond that of a standard model that is as accurate without the shift, in percentage points."""
    if row[name] is None or row["clean_top1"] is None:
        return None
    return float(row[name] - line.expected(row["clean_top1"]))


def _table(
    plan: Plan, measure: Robustness, checkpoint: str, found: Sequence[Row], lines: "Mapping[str, Line]", fill: str
) -> Table:
    _, places = lay_out([step.cell for step in plan.steps.values() if measure in step.measures])
    studies = list(dict.fromkeys(taught_by(study) for study, _ in places))
    seeds = max(len(cells) for cells in places.values())
    columns = _columns(found, lines)
    known = {row["key"]: row for row in found}
    rows: list[list[str | Entry]] = []
    for study in studies:
        inside = [(s, model, cells) for (s, model), cells in places.items() if taught_by(s) == study]
        for taught, model, cells in sorted(inside, key=lambda item: model_order(item[0], item[1])):
            of_cells = [known[cell.key] for cell in cells if cell.key in known]
            way = GridAddress(plan.name, *place_of(cells[0]), "", "", measure.key, checkpoint)
            entries = [
                "" if column.of_students and cells[0].teacher is None else _entry(column, of_cells, seeds, way)
                for column in columns
            ]
            rows.append([*identity(study, studies, alpha=False), model_name(taught, model), *entries])
    missing = len(known) < sum(map(len, places.values()))
    return Table(
        title=f"{plan.name}: robustness under shifts of the test set",
        caption=f"Accuracy in percent: mean ± sample standard deviation over {counted(seeds, 'seed')}.",
        headers=[*identity_headers(studies, alpha=False), "Model", *(column.title for column in columns)],
        rows=rows,
        notes=[
            *_notes(measure, columns, found),
            *([f"— is not measured yet; fill it with: {fill}"] if missing else []),
        ],
    )


def _entry(column: _Column, rows: Sequence[Row], seeds: int, way: GridAddress) -> Entry:
    there = [value for value in map(column.of, rows) if value is not None]
    if not there:
        return Entry(None)
    spread = stdev(there) if len(there) > 1 else None
    why = str(replace(way, metric=column.metric)) if column.metric else ""
    return Entry(mean(there), spread, len(there), seeds, signed=column.signed, why=why)


def _notes(measure: Robustness, columns: Sequence[_Column], found: Sequence[Row]) -> list[str]:
    titles = {column.title for column in columns}
    samples = max((row["n_samples"] or 0 for row in found), default=0)
    notes = [f"Clean is the accuracy on the {samples:,} test images that the shifts are of."] if samples else []
    if "Corrupted" in titles:
        severities = ", ".join(map(str, measure.severities))
        notes.append(
            f"Corrupted is the mean over the corruptions and severities {severities}; Gap is Clean − Corrupted. "
            "Error, % of teacher's: 100 is the error of the cell's own teacher under a corruption, the mean over "
            "corruptions (the mCE of Hendrycks & Dietterich with the teacher in AlexNet's place). Below 100, and with "
            "a negative Gap − teacher's, a student is more robust than its teacher."
        )
    if "Effective robustness" in titles:
        notes.append(
            "Effective robustness: percentage points beyond the line through the standard models of the testbed (logit "
            "scale; Taori et al.)."
        )
    return notes
