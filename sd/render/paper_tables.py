"""The paper's Tables 1 to 5, in its rows and order: what it prints, what was measured here, and the difference."""

from dataclasses import replace
from itertools import groupby
from typing import Any

from sd.plan.catalogue import ARCHITECTURES, AUGMENTATIONS, DATASETS
from sd.render import beside
from sd.render.address import Address
from sd.render.anomalies import Footnotes, footnotes
from sd.render.beside import PAPER_SEEDS, Beside, Place
from sd.render.curvature_tables import curvature_table
from sd.render.table import Entry, Table, arrow
from sd.store.database import Database

TITLES = {
    1: "The paper's Table 1: teacher and student accuracies, published literature and ours",
    2: "The paper's Table 2: self-distillation on CIFAR-10",
    3: "The paper's Table 3: self-distillation of ResNet20 with and without skip connections",
    4: "The paper's Table 4: accuracy and curvature on SVHN",
    5: "The paper's Table 5: accuracy and curvature on Tiny-ImageNet",
}

_COLUMNS = {1: ["teacher", "student"], 2: ["teacher", "r1", "r2", "r3", "sam"], 3: ["teacher", "r1", "r2", "r3", "sam"]}
_HEADERS = {"teacher": "Teacher", "student": "Student", "r1": "Round 1", "r2": "Round 2", "r3": "Round 3", "sam": "SAM"}
_TAUGHT_BY = {"r1": "teacher", "r2": "r1", "r3": "r2"}
_MODELS = {"teacher": "T", "student": "R1", "r1": "R1", "r2": "R2", "r3": "R3", "sam": "SAM"}

# Table 1 prints no alpha; its CNN rows are those of Table 2 at 0.5 (spec A13).
TABLE_1_ALPHA = 0.5


def paper_table(number: int, database: Database, *, checkpoint: str, fill: str = "") -> Table:
    """Table ``number`` (1 to 5): for each row of the paper its own numbers, then ours and the difference.

    Ours are at ``checkpoint``, or at ``both``; a row that has none says so. A published number stands on a line marked
    *paper* and nowhere else.

    Args:
        fill: the command that fills what is missing; by default that of the table's own grid.
    """
    fill = fill or f"python -m sd.launch jobs/table{number}.yaml"
    if number in {4, 5}:
        return curvature_table(number, TITLES[number], database, checkpoint=checkpoint, fill=fill)
    view = database.view(f"table{number}")
    columns = _COLUMNS[number]
    checkpoints = beside.checkpoints_of(checkpoint)
    lines = Beside(columns, checkpoints, lambda row, name: _measured(number, row, name))
    odd = footnotes(number, database)
    rows: list[list[str | Entry]] = []
    places = []
    for _, group in groupby(view, key=lambda row: row["row"]):
        found = list(group)
        identity = _identity(number, found[0])
        rows.append([*identity, _source(found[0]), *_published(found[0], columns, odd)])
        if _source(found[0]) == "paper":
            places.append(_place(found[0]))
            ours = [_with_arrows(line, columns) for line in lines.ours(places[-1], found)]
            rows += [[*[""] * len(identity), *line] for line in ours]
    alpha = [] if number == 1 else ["α"]
    return Table(
        title=TITLES[number],
        caption="Test accuracy in percent: mean ± standard deviation. Lines marked paper hold what the paper prints; "
        f"ours are measured, at checkpoint {' and '.join(checkpoints)}, over {PAPER_SEEDS} seeds unless n is given; "
        "difference is ours less the paper's, of the means."
        + ("" if number == 1 else " ↑ ↓ → against the previous round."),
        headers=["Architecture", "Dataset", "Data Aug.", *alpha, "Source", *(_HEADERS[name] for name in columns)],
        rows=rows,
        notes=[*beside.notes(rows, places, checkpoints, fill), *odd.lines],
        identity=3 + len(alpha),
    )


def _source(row: dict[str, Any]) -> str:
    """Who measured what a row prints: an earlier work, or the paper itself (its rows begin with «Ours»)."""
    literature: str = row.get("literature", "Ours")
    return "paper" if literature.startswith("Ours") else literature


def _identity(number: int, row: dict[str, Any]) -> list[str | Entry]:
    alpha = [] if number == 1 else [f"{row['alpha']:g}"]
    return [row["architecture"], row["dataset"], row["data_aug"] or "", *alpha]


def _published(row: dict[str, Any], columns: list[str], odd: Footnotes) -> list[str | Entry]:
    numbers = {name: Entry(row[f"published_{name}"], row.get(f"published_{name}_std")) for name in columns}
    entries = [odd.on(entry, row["row"], _MODELS[name]) for name, entry in numbers.items()]
    return _with_arrows(["paper", *entries], columns)[1:]


def _measured(number: int, row: dict[str, Any], column: str) -> Entry:
    if row[column] is None:
        return Entry(None)
    address = Address(number, *_names(row), row.get("alpha", TABLE_1_ALPHA), _MODELS[column])
    why = str(replace(address, protocol=row["protocol"], checkpoint=row["checkpoint"]))
    return Entry(row[column], row[f"{column}_std"], row[f"{column}_n"], PAPER_SEEDS, why=why)


def _with_arrows(line: list[str | Entry], columns: list[str]) -> list[str | Entry]:
    """A line, its first item said whose it is, with an arrow at each round."""
    entries = dict(zip(columns, line[1:], strict=True))
    return [line[0], *(_with_arrow(entries, name, item) for name, item in entries.items())]


def _with_arrow(entries: dict[str, str | Entry], name: str, item: str | Entry) -> str | Entry:
    before = entries.get(_TAUGHT_BY.get(name, ""))
    if isinstance(item, Entry) and isinstance(before, Entry) and not item.signed:
        return replace(item, arrow=arrow(before, item))
    return item


def _place(row: dict[str, Any]) -> Place:
    return Place(*_names(row))


def _names(row: dict[str, Any]) -> tuple[str, str, str]:
    """A row's architecture, data set and augmentation by the names of a grid."""
    names = {facts.title: name for name, facts in ARCHITECTURES.items()}
    datasets = {facts.title: name for name, facts in DATASETS.items()}
    augs = {printed: name for name, printed in AUGMENTATIONS.items()}
    return names[row["architecture"]], datasets[row["dataset"]], augs[row["data_aug"]]
