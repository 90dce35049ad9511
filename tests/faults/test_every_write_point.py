"""Nothing is between before and after, wherever a process is killed or the disk fails.

Where a process is killed every point is walked over; where a disk fails, of the long acts, every so many-eth.

The library that kills is compiled here (``shim.c``); the walk runs in a process of its own (``walk.py``).
"""

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ACTS = ("teacher", "student", "ensemble", "database", "ingest", "submission")
COUNT, KILL, TEAR, FAIL_ONCE, FAIL_ON = range(5)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(built), str(HERE / "shim.c"), "-ldl"], check=True)
    return built


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a walk syncs thousands of files."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder) / "walk"


def walk(folder: Path, library: Path, act: str, mode: int, error: int = 0, stride: int = 1) -> dict[str, Any]:
    environment = {**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "walk.py"), str(folder), act, str(mode), str(error), str(stride)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


LEAST = {"teacher": 60, "student": 60, "ensemble": 30, "database": 50, "ingest": 50, "submission": 10}
"""Calls that an act makes at the least: a library that sees none of them would find nothing wrong."""


@pytest.mark.slow
@pytest.mark.parametrize("act", ACTS)
def test_killed_at_any_write_it_is_before_or_after_and_ends_the_same(act: str, quick: Path, library: Path) -> None:
    """Before every call, and in the middle of every one that writes."""
    found = walk(quick, library, act, TEAR)
    assert found["calls"] >= LEAST[act]
    assert found["wrong"] == []


STRIDES = {"teacher": 7, "ingest": 7, "submission": 1}
"""Of the calls of an act every so many-eth, from the first on: a walk over all of them takes minutes."""


@pytest.mark.slow
@pytest.mark.parametrize("act", STRIDES)
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_where_the_disk_fails_nothing_is_reported_that_is_not_there(
    error: int, act: str, quick: Path, library: Path
) -> None:
    """A full disk stays full from that call on; a broken one fails at one call. Syncs count here, too."""
    found = walk(quick, library, act, FAIL_ON if error == errno.ENOSPC else FAIL_ONCE, error, STRIDES[act])
    assert found["calls"] >= LEAST[act] and found["points"] >= found["calls"] // STRIDES[act]
    assert found["wrong"] == []
