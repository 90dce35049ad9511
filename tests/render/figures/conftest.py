"""Shared by the tests of the figures: made-up facts for every figure of the paper, and the database that ships."""

import shutil
from pathlib import Path

import made
import pytest

from sd.store.database import Database, open_database


@pytest.fixture(scope="session")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Facts about the paper's own cells."""
    return made.paper(tmp_path_factory.mktemp("figures") / "made.db").database()


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A copy of results.db."""
    copy = tmp_path_factory.mktemp("shipped") / "results.db"
    shutil.copy(Path(__file__).resolve().parents[3] / "results.db", copy)
    return open_database(str(copy))


@pytest.fixture
def empty(tmp_path: Path) -> Database:
    """Without facts."""
    return open_database(str(tmp_path / "empty.db"), create=True)
