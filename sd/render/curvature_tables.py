"""The paper's Tables 4 and 5: a row a model, with its accuracy, the trace of its Hessian and the largest eigenvalue."""

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from sd.render import beside
from sd.render.address import Address
from sd.render.anomalies import Footnotes, footnotes
from sd.render.beside import PAPER_SEEDS, Beside, Place
from sd.render.layout import model_title, previous
from sd.render.table import Entry, Table, arrow
from sd.store.database import Database

Row = dict[str, Any]

_COLUMNS = ["accuracy", "trace", "trace_stderr", "lambda_max"]
_HEADERS = ["Test accuracy", "Trace", "s.e.", "λmax"]
_METRICS = {"accuracy": "test_acc", **{name: name for name in ("trace", "trace_stderr", "lambda_max")}}

# The paper does not say on which images; these are the ones that the models were trained on (spec H3).
_SPLIT = "train"


@dataclass(frozen=True)
class _Setting:
    """What all models of a table have in common."""

    place: Place
    alpha: float


_SETTINGS = {
    4: _Setting(Place("resnet18", "svhn", "none"), 0.5),
    5: _Setting(Place("resnet18", "tiny_imagenet", "crop_rotate"), 0.2),
}


def curvature_table(number: int, title: str, database: Database, *, checkpoint: str, fill: str) -> Table:
    """Table 4 or 5: for each model what the paper prints, then ours with its uncertainty, and the difference."""
    view = [line for line in database.view(f"table{number}") if line["split"] in {_SPLIT, None}]
    setting = _SETTINGS[number]
    checkpoints = beside.checkpoints_of(checkpoint)
    accuracies = {_run(line): Entry(line["accuracy"]) for line in view}
    ways = {line["measure_key"] for line in view} - {None}
    told = ways if len(ways) > 1 else set()
    lines = Beside(_COLUMNS, checkpoints, lambda row, name: _measured(number, setting, row, name, accuracies, told))
    odd = footnotes(number, database)
    rows: list[list[str | Entry]] = []
    for _, group in groupby(view, key=lambda row: row["row"]):
        found = list(group)
        printed = [_published(found[0], name, odd) for name in _COLUMNS]
        rows.append([_model(found[0]), "paper", *printed])
        rows += [["", *line] for line in lines.ours(setting.place, found)]
    samples = sorted({line["n_samples"] for line in view if line["n_samples"]})
    images = f"{' or '.join(map(str, samples))} fixed {_SPLIT} images" if samples else f"fixed {_SPLIT} images"
    notes = beside.notes(rows, [setting.place], checkpoints, fill)
    if any(isinstance(item, Entry) and item.mark for row in rows for item in row):
        notes.insert(0, "† not converged for at least one seed.")
    return Table(
        title=title,
        caption=f"{view[0]['architecture']} on {view[0]['dataset']}, α = {setting.alpha:g}. Lines marked paper hold "
        f"what the paper prints; ours are measured at checkpoint {' and '.join(checkpoints)}: mean ± standard "
        f"deviation over {PAPER_SEEDS} seeds unless n is given; ↑ ↓ → of ours against the previous round; difference "
        f"is ours less the paper's, of the means. Ours: Hessian of the cross-entropy on {images} without "
        "augmentation; s.e. is the standard error of one trace, averaged over the seeds. The paper says neither on "
        "which images nor how exactly.",
        headers=["Model", "Source", *_HEADERS],
        rows=rows,
        notes=[*notes, *odd.lines],
        identity=1,
    )


def _model(row: Row) -> str:
    alpha = f" (α={row['alpha']:g})" if row["alpha"] is not None else ""
    return f"{model_title(row['model'])}{alpha}"


def _published(row: Row, column: str, odd: Footnotes) -> str | Entry:
    value = row.get(f"published_{column}")
    return "" if value is None else odd.on(Entry(value), row["row"], row["model"], _METRICS[column])


def _measured(
    number: int, setting: _Setting, row: Row, column: str, accuracies: dict[Any, Entry], ways: set[str]
) -> str | Entry:
    """A number of ours; its address names the way of measuring where there are several ``ways``."""
    if row[column] is None:
        return Entry(None)
    place = setting.place
    address = Address(number, place.arch, place.dataset, place.aug, setting.alpha, row["model"], _METRICS[column])
    address = replace(address, protocol=row["protocol"], checkpoint=row["checkpoint"])
    if column != "accuracy" and row["measure_key"] in ways:
        address = replace(address, measure_key=row["measure_key"])
    why = str(address)
    if column == "trace_stderr":
        return Entry(row[column], why=why)
    seeds = row["accuracy_n" if column == "accuracy" else "curvature_n"]
    entry = Entry(row[column], row[f"{column}_std"], seeds, PAPER_SEEDS, why=why)
    if column != "accuracy":
        return replace(entry, mark="†" if row["not_converged"] else "")
    if not row["model"].startswith("R"):
        return entry
    return replace(entry, arrow=arrow(accuracies.get(_run(row | {"model": previous(row["model"])})), entry))


def _run(line: Row) -> tuple[Any, ...]:
    return line["model"], line["protocol"], line["checkpoint"], line["measure_key"]
