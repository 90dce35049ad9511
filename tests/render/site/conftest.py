"""A small site of made-up cells, one of them hostile."""

from pathlib import Path

import pytest
from hostile_cells import cells, fill, hostile_key, poison, sources
from synthetic import SyntheticRoot

from sd.render.site.build import build_site
from sd.store.database import Database


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """The last student of one chain, of all places, is hostile."""
    folder = tmp_path_factory.mktemp("database")
    made = fill(folder / "results.db", cells(), SyntheticRoot(folder / "runs"))
    made.close()
    poison(folder / "results.db", hostile_key())
    return made


@pytest.fixture(scope="session")
def site(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of that database."""
    place = tmp_path_factory.mktemp("site") / "site"
    build_site(sources(database), place, [])
    return place
