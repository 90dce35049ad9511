"""A full disk and a read-only one end a preparation with one line, and leave nothing that would be used."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from published import of_size, run_prepare, write_imagenet

from sd import BadInput
from sd.train.datasets import load, prepare, standing


@pytest.fixture
def originals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    of_size(monkeypatch, "imagenet", classes=2, train=8, test=4)
    return write_imagenet(tmp_path / "originals")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; the images need 1.8."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def check_nothing_is_used(root: Path) -> None:
    assert not (root / "prepared" / "imagenet").exists()
    assert standing("imagenet", root).startswith("original files are there")
    with pytest.raises(BadInput, match="imagenet is not prepared under"):
        load("imagenet", root)


def test_too_little_room_is_said_before_hours_of_work(originals: Path, small_disk: Path) -> None:
    (small_disk / "imagenet").symlink_to(originals)
    done = run_prepare("imagenet", small_disk)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "0.0 GB are needed and 0.0 GB are free; make room or give another --data-root" in done.stderr
    check_nothing_is_used(small_disk)


def test_a_disk_that_runs_full_on_the_way(originals: Path, small_disk: Path) -> None:
    """Others may fill it meanwhile: the room that is seen at the beginning is not there."""
    (small_disk / "imagenet").symlink_to(originals)
    before = "import shutil; usage = shutil.disk_usage; shutil.disk_usage = lambda _: usage('/')"
    done = run_prepare("imagenet", small_disk, before=before)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "cannot be prepared there (No space left on device); make room" in done.stderr
    check_nothing_is_used(small_disk)
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    assert run_prepare("imagenet", small_disk).returncode == 0, "with room it goes on"
    assert standing("imagenet", small_disk) == "prepared"


def test_a_file_that_may_not_grow(originals: Path) -> None:
    """A quota or a limit of the shell: what a full disk is without root."""
    limit = 500_000
    before = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    done = run_prepare("imagenet", originals.parent, before=before)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "cannot be prepared there (File too large)" in done.stderr
    check_nothing_is_used(originals.parent)


def test_a_root_that_cannot_be_written(originals: Path, small_disk: Path) -> None:
    (small_disk / "imagenet").symlink_to(originals)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = run_prepare("imagenet", small_disk)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "cannot be prepared there (Read-only file system)" in done.stderr
    check_nothing_is_used(small_disk)


def test_what_is_prepared_is_verified_on_a_read_only_root(originals: Path, small_disk: Path) -> None:
    """The shared folder of a cluster's data sets, in which only its administrators write."""
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    (small_disk / "imagenet").symlink_to(originals)
    prepare("imagenet", small_disk)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = run_prepare("imagenet", small_disk)
    assert done.returncode == 0 and done.stdout.endswith("are ready\n")
    assert len(load("imagenet", small_disk).train_labels) == 8


def test_a_root_of_somebody_else(originals: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        root = Path("/proc/1")  # which not even root may write into
    else:
        root = tmp_path / "locked"
        root.mkdir(mode=0o500)
    with pytest.raises(BadInput, match=r"prepared/imagenet: imagenet cannot be prepared there \("):
        prepare("imagenet", root)
