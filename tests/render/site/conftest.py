"""A small site of made-up cells, with text in every place that would be a danger if it were not escaped."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd.plan.cell import Cell
from sd.render.site.build import build_site
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


def cells() -> list[Cell]:
    """Chains of three rounds for two architectures and three seeds, with SAM."""
    found: dict[str, Cell] = {}
    for arch in ("resnet20", "resnet18"):
        for seed in range(3):
            own = chain(3, seed=seed, arch=arch, aug="std")
            sam = chain(0, seed=seed, arch=arch, aug="std", optimizer="sam")
            found |= {cell.key: cell for cell in [*own, *sam]}
    return list(found.values())


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("database")
    return fill(folder / "results.db", cells(), SyntheticRoot(folder / "runs"))


@pytest.fixture(scope="session")
def site(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of that database."""
    place = tmp_path_factory.mktemp("site") / "site"
    build_site(database, place, [])
    return place
