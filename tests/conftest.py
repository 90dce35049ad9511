"""Shared by all tests: what may skip, and small synthetic records for the tests of the store and its tables."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres import Postgres
from synthetic import SyntheticRoot

# Markers of tests that need what not every machine has, with the variable that says where it lies.
_AT_HAND = {"cifar10": "SD_DATA", "testbeds": "SD_TESTBEDS"}


@pytest.fixture
def synthetic(tmp_path: Path) -> SyntheticRoot:
    """An empty root in which a test writes records of made-up cells."""
    return SyntheticRoot(tmp_path / "runs")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for this session of tests."""
    try:
        server = Postgres()
    except LookupError as error:
        pytest.skip(str(error))
    yield server
    server.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """With SD_NO_SKIP set a skipped test fails, so that CI cannot pass by leaving something out."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("SD_NO_SKIP") and not hasattr(report, "wasxfail"):
        absent = [name for name, variable in _AT_HAND.items() if not os.environ.get(variable)]
        if not any(item.get_closest_marker(name) for name in absent):
            report.outcome = "failed"
            report.longrepr = f"skipped, but SD_NO_SKIP is set: {report.longrepr}"
