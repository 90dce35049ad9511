"""What the page of a cell shows: its place in its chain, scores, curves, curvature, attempts and checkpoints."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sd.render.site.catalogue import Brief, Catalogue
from sd.render.site.curve import Chart, Floats, chart
from sd.render.site.writer import Writer
from sd.store.database import Database
from sd.store.of_cells import CURVES, curves_of, facts_of
from sd.store.schema import HEADS

AT_A_TIME = 100
"""Cells whose facts are read together: few queries, and little of a large database in memory."""

Row = Mapping[str, Any]

_TABLES = ("cells", "evaluations", "checkpoints", "attempts", "members", "discrepancies", *HEADS.values())

_STYLES = {"train": "first", "test": "second", "val": "third"}
_NAMES = {"train": "training, augmented", "test": "test", "val": "held out"}


@dataclass(frozen=True)
class Family:
    """Who a cell is related to.

    Attributes:
        ancestors: the first of the chain first, its own teacher last.
        missing_teacher: the key of a teacher that the database (or this site) does not hold.
        students: who it teaches.
        members: of whom it consists, if it is an ensemble; a member that is not there is its key.
    """

    ancestors: Sequence[Brief]
    missing_teacher: str
    students: Sequence[Brief]
    members: Sequence[Brief | str]


@dataclass(frozen=True)
class CellPage:
    """Everything that the page of a cell shows.

    Attributes:
        facts: its row of table ``cells``.
        recipe: the fields of its recipe, by name.
        tables: the rows of the other tables that belong to it, by table.
        charts: its curves.
    """

    brief: Brief
    facts: Row
    recipe: Mapping[str, Any]
    tables: Mapping[str, Sequence[Row]]
    charts: Sequence[Chart]
    family: Family

    def is_stale(self, row: Row) -> bool:
        """Whether a measurement is of a checkpoint that was trained anew since."""
        now = {(item["checkpoint"], item["sha256"]) for item in self.tables["checkpoints"]}
        return (row["checkpoint"], row["checkpoint_sha256"]) not in now


def cell_pages(database: Database, catalogue: Catalogue, cells: Sequence[Brief]) -> Iterator[CellPage]:
    """The pages of these cells, in their order."""
    for start in range(0, len(cells), AT_A_TIME):
        batch = cells[start : start + AT_A_TIME]
        keys = [cell.key for cell in batch]
        found = {table: facts_of(database, table, keys) for table in _TABLES}
        curves = curves_of(database, keys)
        for cell in batch:
            own = {table: rows.get(cell.key, []) for table, rows in found.items()}
            facts = own.pop("cells")[0]
            yield CellPage(
                cell,
                facts,
                _recipe(facts["recipe_json"]),
                own,
                _charts(curves.get(cell.key), _chosen(own["checkpoints"])),
                _family(cell, catalogue, own["members"]),
            )


def _recipe(text: str) -> Mapping[str, Any]:
    """The recipe's fields; a database may hold anything, and then it is shown as it is."""
    try:
        fields = json.loads(text)
    except ValueError:
        fields = text
    return fields if isinstance(fields, dict) else {"recipe_json": fields}


def _chosen(checkpoints: Sequence[Row]) -> int | None:
    return next((row["epoch"] for row in checkpoints if row["checkpoint"] == "best_test"), None)


def _family(cell: Brief, catalogue: Catalogue, members: Sequence[Row]) -> Family:
    return Family(
        catalogue.ancestors(cell),
        cell.teacher_key if cell.teacher_key and cell.teacher_key not in catalogue.by_key else "",
        catalogue.students.get(cell.key, []),
        [catalogue.by_key.get(row["member_key"]) or str(row["member_key"]) for row in members],
    )


def _charts(epochs: Floats | None, chosen: int | None) -> list[Chart]:
    """Accuracy and loss, of what was trained."""
    if epochs is None or not len(epochs):
        return []
    column = dict(zip(CURVES, np.ascontiguousarray(epochs.T), strict=True))

    def series(kind: str) -> list[tuple[str, str, Floats]]:
        return [(_NAMES[split], style, column[f"{split}_{kind}"]) for split, style in _STYLES.items()]

    drawn = [
        chart("Accuracy in percent by epoch", column["epoch"], series("top1"), chosen=chosen),
        chart("Loss in nats by epoch", column["epoch"], series("loss"), chosen=chosen, log=True),
    ]
    return [item for item in drawn if item]


def write_cells(writer: Writer, database: Database, catalogue: Catalogue, cells: Sequence[Brief]) -> None:
    """Write the pages of these cells."""
    for page in cell_pages(database, catalogue, cells):
        _write(writer, catalogue, page)


def _write(writer: Writer, catalogue: Catalogue, page: CellPage) -> None:
    writer.page(
        f"cells/{page.brief.page}",
        "cell",
        "Cells",
        page=page,
        group=catalogue.group_of[page.brief.key],
        facts=_facts(page),
        versions=_versions(page),
    )


_FACTS = {
    "method": "method",
    "optimizer": "optimizer",
    "tau": "τ",
    "epochs": "epochs",
    "batch_size": "batch size",
    "learning_rate": "learning rate",
    "momentum": "momentum",
    "weight_decay": "weight decay",
    "precision": "precision",
    "engine": "computed as",
    "parameters": "parameters",
    "labels_changed": "labels changed",
    "petaflop": "petaflop, counted",
}


def _facts(page: CellPage) -> list[tuple[str, str]]:
    """Name and value of what its row says, where it says something."""
    found = [(name, page.facts[column]) for column, name in _FACTS.items() if page.facts[column] not in (None, "")]
    return [
        (name, f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else value)
        for name, value in found
    ]


def _versions(page: CellPage) -> dict[str, Any]:
    """The versions that its last attempt noted."""
    attempts = page.tables["attempts"]
    try:
        found = json.loads(attempts[-1]["versions_json"]) if attempts else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}
