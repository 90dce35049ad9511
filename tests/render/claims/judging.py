"""Made-up cells and facts, and the verdict on a claim about them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from synthetic import SyntheticRoot, chain

from sd.plan.cell import Cell
from sd.render.claims.judge import Case, judge
from sd.store.database import Database
from sd.store.schema import Base


def train(root: SyntheticRoot, cells: list[Cell], top1: Callable[[Cell], float]) -> None:
    for cell in cells:
        root.train(cell, top1=top1(cell), last=top1(cell) - 0.1)


def case(database: Database, claim: str, **study: Any) -> Case:
    found = [
        one
        for one in judge(database, "best_test")
        if one.claim.id == claim and all(getattr(one.study, name) == value for name, value in study.items())
    ]
    assert len(found) == 1, [one.study for one in found]
    return found[0]


def noisy(value: float, cell: Cell) -> float:
    return value + 0.05 * float(np.random.default_rng([cell.seed, cell.round, len(cell.aug)]).normal())


def seeds(count: int, **changes: Any) -> list[Cell]:
    """Chains of three rounds with SAM; α share their teacher."""
    cells = []
    for seed in range(count):
        for alpha in (0.2, 0.5):
            cells += chain(3, alpha=alpha, seed=seed, **changes)
        cells.append(replace(cells[-4], optimizer="sam"))
    return cells


def insert(database: Database, table: str, rows: list[dict[str, Any]]) -> None:
    """Rows of a table of ours; columns that a test does not care about are filled with something of their type."""
    columns = Base.metadata.tables[table].columns
    blank = {name: "x" if column.type.python_type is str else 1 for name, column in columns.items()}
    with sa.create_engine(f"sqlite:///{database.shown}").begin() as connection:
        connection.execute(sa.insert(Base.metadata.tables[table]), [blank | row for row in rows])


def place(root: SyntheticRoot, cell: Cell) -> dict[str, Any]:
    return {
        "cell_key": cell.key,
        "measure_key": "m",
        "checkpoint": "best_test",
        "split": "train",
        "checkpoint_sha256": root.checkpoint_hash(cell, "best_test"),
    }


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def make_tables(database: Database, statements: list[str], rows: dict[str, list[dict[str, Any]]]) -> None:
    """Tables that another part of sd fills, as sql/README.md agrees on them."""
    with sa.create_engine(f"sqlite:///{database.shown}").begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        for table, entries in rows.items():
            for entry in entries:
                names = ", ".join(entry)
                marks = ", ".join(f":{name}" for name in entry)
                connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), entry)
