"""A disk that is really full: an error that says so, nothing reported that is not there; with room again it goes on.

It is a small file system in memory, which only root may mount.
"""

import contextlib
import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from acts import Acts, cell, check, contents, study

from sd.store.database import open_database
from sd.store.progress import is_trained
from sd.store.record import cell_folder, find_records
from sd.store.soundness import check_all


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """Not a byte is left while the block runs."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    yield
    filler.unlink()


@pytest.mark.slow
def test_on_a_full_disk_nothing_is_done_and_with_room_again_all_of_it(disk: Path) -> None:
    plan = study(disk)
    acts, there = Acts(plan), cell_folder(disk / "runs", cell(plan, "T").cell.key)
    with full(disk), pytest.raises(OSError) as raised:
        acts.teacher(disk)
    assert raised.value.errno == errno.ENOSPC
    assert not is_trained(there) and not list(there.glob("*.pt"))
    acts.teacher(disk)
    assert is_trained(there)

    database = open_database(str(disk / "results.db"), create=True)
    before, records = contents(disk), list(find_records(disk / "runs"))
    with full(disk):
        taken = database.ingest(records, wait=0.1)
        (line,) = taken.refused
        assert (taken.new, taken.left) == (0, len(records)) and "full" in line and "\n" not in line
        check(disk, plan, before, before)
    assert database.ingest(records).new == len(records)
    assert check_all(database, disk / "runs") == []
