"""What is odd about the printed tables: a SELECT over the printed numbers each, which says it and where to mark it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from sd import resource
from sd.render.table import Entry
from sd.store.database import Database


@dataclass(frozen=True)
class Anomaly:
    """One of ``sql/anomalies``.

    Attributes:
        name: its mark, such as ``A3``.
        tables: the tables that it may be found in.
        says: a sentence with the columns of the SELECT in braces, and ``{each}`` for the places together.
        each: the words for one place.
        sql: the SELECT over ``published``; ``:source`` is the table. Each row is a place to mark (``row``, ``model``,
            ``metric``; NULL for the table as a whole) with the numbers that are evidence. Without rows nothing is odd.
    """

    name: str
    tables: frozenset[int]
    says: str
    each: str
    sql: str


@dataclass(frozen=True)
class Footnotes:
    """What is odd about one table: ``lines`` to stand below it, and ``marks`` by row, model and metric."""

    lines: list[str]
    marks: Mapping[tuple[int, str, str], tuple[str, ...]]

    def on(self, entry: Entry, row: int, model: str, metric: str = "test_acc") -> Entry:
        """A printed number with the marks that belong to it."""
        return replace(entry, footnotes=self.marks.get((row, model, metric), ()))


def footnotes(table: int, database: Database) -> Footnotes:
    """What is odd about the paper's table of that number, found again in the numbers that it prints."""
    lines: list[str] = []
    marks: dict[tuple[int, str, str], tuple[str, ...]] = {}
    for anomaly in anomalies():
        places = database.rows(anomaly.sql, source=f"Table {table}") if table in anomaly.tables else []
        if not places:
            continue
        lines.append(f"[{anomaly.name}] {_sentence(anomaly, places)}")
        for place in places:
            if place["row"] is not None:
                where = (place["row"], place["model"], place["metric"])
                marks[where] = (*marks.get(where, ()), anomaly.name)
    return Footnotes(lines, marks)


@cache
def anomalies() -> tuple[Anomaly, ...]:
    """All of ``sql/anomalies``, in the order of their names."""
    return tuple(_read(path) for path in sorted(resource("sql", "anomalies").glob("*.sql")))


def _sentence(anomaly: Anomaly, places: Sequence[Mapping[str, Any]]) -> str:
    each = "; ".join(anomaly.each.format_map({**place, "metric": _named(place["metric"])}) for place in places)
    sentence = anomaly.says.format_map({**places[0], "each": each})
    return re.sub(r"(?<![\w.])-(?=\d)", "−", sentence)


def _named(metric: str | None) -> str:
    return {"trace": "trace", "lambda_max": "λmax"}.get(metric or "", "accuracy")


def _read(path: Path) -> Anomaly:
    lines = path.read_text(encoding="utf-8").splitlines()
    head = re.sub(r"\n {4,}", " ", "\n".join(line[3:] for line in lines if line.startswith("--")))
    told = dict(re.findall(r"^(anomaly|tables|says|each): (.*)$", head, flags=re.MULTILINE))
    return Anomaly(
        told["anomaly"],
        frozenset(map(int, told["tables"].split(", "))),
        told["says"],
        told.get("each", ""),
        "\n".join(line for line in lines if not line.startswith("--")),
    )
