"""What an address means, before any run is read: which cells, which value of them, and what is said beside."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sd.render.provenance.answer import Answer, Printed, Query, formula_of, mean_of
from sd.render.provenance.metric import Metric
from sd.render.provenance.run import Facts, Wanted
from sd.render.words import counted
from sd.store.database import Database

Row = Mapping[str, Any]

Place = tuple[str, str, str, str]
"""Architecture, data set, augmentation and protocol."""


class Index:
    """Every cell of a database in brief, and the paper's printed numbers; one query each."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @cached_property
    def cells(self) -> dict[str, Row]:
        columns = (
            "key, setting, label, arch, dataset, aug, label_noise, protocol, tau, teacher_checkpoint, alpha, model"
        )
        return {row["key"]: row for row in self.database.rows(f"SELECT {columns}, seed FROM cells ORDER BY key")}

    @cached_property
    def by_place(self) -> Mapping[Place, Sequence[Row]]:
        found: dict[Place, list[Row]] = defaultdict(list)
        for row in self.cells.values():
            found[row["arch"], row["dataset"], row["aug"], row["protocol"]].append(row)
        return found

    @cached_property
    def by_place_and_seed(self) -> Mapping[tuple[Place, int], Sequence[Row]]:
        found: dict[tuple[Place, int], list[Row]] = defaultdict(list)
        for place, rows in self.by_place.items():
            for row in rows:
                found[place, row["seed"]].append(row)
        return found

    @cached_property
    def published(self) -> Sequence[Row]:
        return self.database.rows("SELECT * FROM published ORDER BY id")


@dataclass(frozen=True)
class Selected:
    """What an address means.

    Attributes:
        keys: of the cells that the database has for it.
        splits: on which a measure may be; the first that was measured counts.
        measure_keys: of the measures that count; empty: the one that most of the cells have.
        planned: how many cells the grid has for it; 0 where that is not known.
        table_query: the query of a view that prints the number, where there is one; ``{split}`` and ``{measure_key}``
            stand for what is chosen.
        missing: the lines on what is missing, where not all of ``planned`` is there.
    """

    address: str
    title: str
    metric: Metric
    checkpoint: str
    keys: tuple[str, ...]
    splits: tuple[str, ...] = ("train", "test")
    measure_keys: tuple[str, ...] = ()
    planned: int = 0
    printed: Printed | None = None
    asks_difference: bool = False
    table_query: str = ""
    lines: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=())

    def answer(self, facts: Facts) -> Answer:
        """The answer, from the facts of these cells."""
        wanted = self._wanted(facts)
        runs = facts.runs(wanted)
        mean, std = mean_of([run.value for run in runs if run.value is not None])
        lacks = len(runs) < self.planned or not runs
        return Answer(
            self.address,
            self.title + (f", on {wanted.split} images, measured as {wanted.measure_key}" if wanted.split else ""),
            runs,
            self._queries(wanted) if runs else [],
            self.metric,
            mean,
            std,
            len(runs),
            self.printed,
            self.asks_difference,
            [*self.lines, *([f"note: {self.printed.note}"] if self.printed and self.printed.note else [])],
            formula_of(runs, mean, std, self.printed),
            self._missing(len(runs)) if lacks else (),
        )

    def _wanted(self, facts: Facts) -> Wanted:
        """With the split and the measure that count: those that most of the cells have."""
        if not self.metric.measure:
            return Wanted(self.keys, self.checkpoint, self.metric)
        count: dict[tuple[str, str], int] = defaultdict(int)
        for key in self.keys:
            for split, measure in facts.measures(key, self.checkpoint, self.metric.measure):
                if split in self.splits and (not self.measure_keys or measure in self.measure_keys):
                    count[split, measure] += 1
        if not count:
            return Wanted(self.keys, self.checkpoint, self.metric)
        split, measure = min(count, key=lambda way: (self.splits.index(way[0]), -count[way], way[1]))
        return Wanted(self.keys, self.checkpoint, self.metric, split, measure)

    def _queries(self, wanted: Wanted) -> list[Query]:
        way = f" AND split = '{wanted.split or 'test'}'" if self.metric.of_splits else ""
        way += f" AND measure_key = '{wanted.measure_key}'" if wanted.measure_key else ""
        keys = ", ".join("'" + key.replace("'", "''") + "'" for key in self.keys)
        these = f"WHERE checkpoint = '{self.checkpoint}'{way} AND key IN ({keys})"
        where = f"FROM {self.metric.view} {these}"
        column = self.metric.column
        found = [Query("the runs", f"SELECT key, label, seed, {column} {where} ORDER BY seed")]
        found.append(Query("their mean", f"SELECT AVG({column}) AS mean, COUNT(*) AS n {where}"))
        if self.metric.measure == "robustness":
            shifts = f"SELECT key, seed, shift, severity, top1, teacher_top1 FROM robustness_outcomes {these}"
            found.append(Query("each shift of each run", f"{shifts} ORDER BY seed, key, shift, severity"))
        if self.table_query:
            chosen = {"split": wanted.split, "measure_key": wanted.measure_key}
            found.insert(0, Query("the number as the table's view has it", self.table_query.format(**chosen)))
        return found

    def _missing(self, found: int) -> tuple[str, ...]:
        if self.planned:
            return (f"{found} of {counted(self.planned, 'run')} are there", *self.missing)
        return ("nothing of it is in the database", *self.missing)


def quoted(text: str) -> str:
    """Text as SQL has it, in a template that is formatted later."""
    return "'" + text.replace("'", "''").replace("{", "{{").replace("}", "}}") + "'"
