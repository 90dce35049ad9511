"""Made-up cells, one of them with text in every place that would be a danger if it were not escaped."""

import random
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from synthetic import SyntheticRoot, chain

from sd.plan.cell import Cell
from sd.render.provenance.asked import Sources
from sd.store.attempt import Attempt
from sd.store.database import Database, open_database
from sd.store.record import cell_folder, records_of

HOSTILE = "</script></title></svg>\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{ 7*7 }}"


def fill(place: Path, cells: Sequence[Cell], root: SyntheticRoot, *, epochs: int = 5) -> Database:
    """A database of these cells, with curvature, and one failed attempt at another."""
    draw = random.Random(0)
    for cell in cells:
        root.train(cell, top1=90 + cell.round + draw.random(), epochs=epochs)
        root.measure(cell, trace=100 + draw.random())
    lost = chain(seed=99)[0]
    Attempt(cell_folder(root.root, lost.key), lost.key).end("failed", error=ValueError(HOSTILE))
    database = open_database(str(place), create=True)
    keys = [*(cell.key for cell in cells), lost.key]
    assert not database.ingest(path for key in keys for path in records_of(cell_folder(root.root, key))).refused
    return database


def sources(database: Database) -> Sources:
    """Without runs on disk and grids."""
    return Sources(database, Path("runs"), {}.get)  # which another process can be handed


def cells() -> list[Cell]:
    """Chains of three rounds for two architectures and three seeds, with SAM."""
    found: dict[str, Cell] = {}
    for arch in ("resnet20", "resnet18"):
        for seed in range(3):
            own = chain(3, seed=seed, arch=arch, aug="std")
            sam = chain(0, seed=seed, arch=arch, aug="std", optimizer="sam")
            found |= {cell.key: cell for cell in [*own, *sam]}
    return list(found.values())


HOSTILE_COLUMNS = {
    "cells": ("label", "arch", "dataset", "aug", "model", "method", "protocol", "recipe", "engine", "recipe_json"),
    "attempts": ("host", "device", "job_id", "code_version", "versions_json", "error", "traceback", "started_at"),
    "checkpoints": ("sha256",),
    "curvature": ("backend", "trace_estimator"),
}


def poison(place: Path, key: str) -> None:
    """Write :data:`HOSTILE` into every text of one cell, and give another a key that is a path."""
    engine = sa.create_engine(f"sqlite:///{place}")
    with engine.begin() as connection:
        for table, names in HOSTILE_COLUMNS.items():
            for name in names:
                column = "key" if table == "cells" else "cell_key"
                text = f"UPDATE {table} SET {name} = :evil WHERE {column} = :key"
                connection.execute(sa.text(text), {"evil": HOSTILE, "key": key})
        other = "SELECT MAX(key) FROM cells WHERE model = 'SAM' AND arch = 'resnet20'"
        connection.execute(sa.text(f"UPDATE cells SET key = '../../evil' WHERE key = ({other})"))
    engine.dispose()


def hostile_key() -> str:
    """The key of the cell whose texts are hostile."""
    return next(cell.key for cell in cells() if cell.arch == "resnet20" and cell.round == 3 and cell.seed == 0)
