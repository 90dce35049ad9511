"""Fixtures of the tests that run whole studies."""

import pytest
from study import Study


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study, run once from start to end."""
    study = Study(tmp_path_factory.mktemp("undisturbed"))
    done = study.launch()
    assert done.returncode == 0, done.stderr
    return study
