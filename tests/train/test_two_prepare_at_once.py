"""Two preparations of one data set at once: one builds, the other waits and finds it done."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest
from published import content, data_command, of_size, write_imagenet

from sd.train.datasets import prepare
from sd.train.datasets.prepared import prepared_folder


def test_both_end_well_and_one_builds(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_imagenet(tmp_path)
    of_size(monkeypatch, "imagenet", classes=2, train=8, test=4)
    before = (
        "from sd.train.datasets import preparation; convert = preparation.convert; "
        "preparation.convert = lambda *given: (print('builds', flush=True), convert(*given))"
    )
    command = data_command("imagenet", tmp_path, before=before)
    lock = tmp_path / "prepared" / "imagenet.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
        waiting = [process.stdout.readline() for process in both]
    assert waiting == [f"another process prepares imagenet under {tmp_path}; waiting for it\n"] * 2
    said = [process.communicate(timeout=120)[0].splitlines() for process in both]
    ready = "imagenet: 8 training and 4 test images are ready"
    assert sorted(said) == [["builds", ready], [ready]] and [process.returncode for process in both] == [0, 0]
    alone = tmp_path_factory.mktemp("alone")
    (alone / "imagenet").symlink_to(tmp_path / "imagenet")
    prepare("imagenet", alone)
    assert content(prepared_folder("imagenet", tmp_path)) == content(prepared_folder("imagenet", alone))
