"""The paper's Tables 1, 2 and 3, in its rows and order: what it prints, and below it what was measured here."""

from dataclasses import replace
from itertools import groupby
from typing import Any

from sd.plan.catalogue import ARCHITECTURES, AUGMENTATIONS, DATASETS
from sd.render.address import Address, papers_protocol
from sd.render.grid_tables import CHECKPOINT_NOTES
from sd.render.table import Entry, Table, arrow
from sd.store.database import Database

TITLES = {
    1: "The paper's Table 1: teacher and student accuracies, published literature and ours",
    2: "The paper's Table 2: self-distillation on CIFAR-10",
    3: "The paper's Table 3: self-distillation of ResNet20 with and without skip connections",
}

_COLUMNS = {1: ["teacher", "student"], 2: ["teacher", "r1", "r2", "r3", "sam"], 3: ["teacher", "r1", "r2", "r3", "sam"]}
_HEADERS = {"teacher": "Teacher", "student": "Student", "r1": "Round 1", "r2": "Round 2", "r3": "Round 3", "sam": "SAM"}
_TAUGHT_BY = {"r1": "teacher", "r2": "r1", "r3": "r2"}

_MODELS = {"teacher": "T", "student": "R1", "r1": "R1", "r2": "R2", "r3": "R3", "sam": "SAM"}

# Table 1 prints no alpha; its CNN rows are those of Table 2 at 0.5 (spec A13).
TABLE_1_ALPHA = 0.5

# The paper reports three independent runs.
PAPER_SEEDS = 3


def paper_table(number: int, database: Database, *, checkpoint: str) -> Table:
    """Table ``number`` (1, 2 or 3): for each row of the paper its own numbers, then ours, one line a protocol.

    Measured numbers are at ``checkpoint``; a row of ours that has none says so. A published number stands on a line
    marked *paper* and nowhere else.
    """
    view = database.rows(f'SELECT * FROM table{number} ORDER BY "row", protocol')
    columns = _COLUMNS[number]
    rows: list[list[str | Entry]] = []
    missing: list[dict[str, Any]] = []
    for _, group in groupby(view, key=lambda row: row["row"]):
        lines = list(group)
        first = lines[0]
        identity = _identity(number, first)
        rows.append([*identity, _source(first), *_published(first, columns)])
        if _source(first) == "paper":
            ours = [line for line in lines if line["checkpoint"] == checkpoint]
            rows += [
                [*[""] * len(identity), f"ours: {line['protocol']}", *_measured(number, line, columns)] for line in ours
            ]
            if not ours:
                rows.append([*[""] * len(identity), "ours", *(Entry(None) for _ in columns)])
                missing.append(first)
    alpha = [] if number == 1 else ["α"]
    return Table(
        title=TITLES[number],
        caption="Test accuracy in percent: mean ± standard deviation. Lines marked paper hold what the paper prints; "
        f"ours are measured, at checkpoint {checkpoint}, over {PAPER_SEEDS} seeds unless n is given."
        + ("" if number == 1 else " ↑ ↓ → against the previous round."),
        headers=["Architecture", "Dataset", "Data Aug.", *alpha, "Source", *(_HEADERS[name] for name in columns)],
        rows=rows,
        notes=[CHECKPOINT_NOTES[checkpoint], *_fill_notes(missing)],
    )


def _source(row: dict[str, Any]) -> str:
    """Who measured what a row prints: an earlier work, or the paper itself (its rows begin with «Ours»)."""
    literature: str = row.get("literature", "Ours")
    return "paper" if literature.startswith("Ours") else literature


def _identity(number: int, row: dict[str, Any]) -> list[str | Entry]:
    alpha = [] if number == 1 else [f"{row['alpha']:g}"]
    return [row["architecture"], row["dataset"], row["data_aug"] or "", *alpha]


def _published(row: dict[str, Any], columns: list[str]) -> list[str | Entry]:
    return _with_arrows({name: Entry(row[f"published_{name}"], row.get(f"published_{name}_std")) for name in columns})


def _measured(number: int, row: dict[str, Any], columns: list[str]) -> list[str | Entry]:
    entries = {
        name: Entry(row[name], row[f"{name}_std"], row[f"{name}_n"], PAPER_SEEDS, why=_why(number, row, name))
        for name in columns
    }
    return _with_arrows(entries)


def _why(number: int, row: dict[str, Any], column: str) -> str:
    """The address of a number of ours; nothing where there is no number."""
    if row[column] is None:
        return ""
    alpha = row.get("alpha", TABLE_1_ALPHA)
    address = Address(number, *_place(row), alpha, _MODELS[column])
    return str(replace(address, protocol=row["protocol"], checkpoint=row["checkpoint"]))


def _place(row: dict[str, Any]) -> tuple[str, str, str]:
    """A row's architecture, data set and augmentation by the names of a grid."""
    names = {facts.title: name for name, facts in ARCHITECTURES.items()}
    datasets = {facts.title: name for name, facts in DATASETS.items()}
    augs = {printed: name for name, printed in AUGMENTATIONS.items()}
    return names[row["architecture"]], datasets[row["dataset"]], augs[row["data_aug"]]


def _with_arrows(entries: dict[str, Entry]) -> list[str | Entry]:
    return [
        replace(entry, arrow=arrow(entries[_TAUGHT_BY[name]], entry)) if name in _TAUGHT_BY else entry
        for name, entry in entries.items()
    ]


def _fill_notes(missing: list[dict[str, Any]]) -> list[str]:
    """How to measure what is missing, one grid line for each model, data set and augmentation."""
    lines: dict[tuple[str, str, str], list[float]] = {}
    for row in missing:
        lines.setdefault(_place(row), []).append(row.get("alpha", TABLE_1_ALPHA))
    notes = []
    if lines:
        notes.append(
            "— is not measured yet. Put these lines under cells: of a grid and run: python -m sd.launch GRID --local"
        )
    for (arch, dataset, aug), alphas in lines.items():
        weights = ", ".join(f"{alpha:g}" for alpha in alphas)
        recipe = papers_protocol(arch, dataset)
        notes.append(
            f"- {{arch: {arch}, dataset: {dataset}, aug: {aug}, recipe: {recipe}, alpha: [{weights}], rounds: 3, "
            "sam: true, seeds: [0, 1, 2]}"
        )
    return notes
