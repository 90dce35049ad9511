"""Shared by the tests of the claims: an empty database."""

from pathlib import Path

import pytest

from sd.store.database import Database, open_database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Without facts."""
    return open_database(str(tmp_path / "results.db"), create=True)
