"""A small study that is really trained: every path that --why prints leads to a file, and every hash is the file's."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

GRID = """
name: small
defaults: {dataset: digits, arch: resnet8, recipe: digits, aug: none, epochs: 1, seeds: [0, 1], rounds: 1, alpha: 0.5}
cells: [{}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("small")
    (place / "small.yaml").write_text(GRID)
    command = [sys.executable, "-m", "sd.launch", "small.yaml", "--local", "--workers", "1"]
    subprocess.run(command, cwd=place, check=True, capture_output=True, timeout=300)
    return place


def report(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sd.report", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_every_file_that_is_named_is_there_and_has_its_hash(folder: Path) -> None:
    done = report(folder, "small.yaml", "--why", "small:ResNet8:Digits:0.5:R1", "--format", "json")
    said = json.loads(done.stdout)
    assert said["n"] == 2 and not said["missing"]
    assert len(said["runs"]) == 2
    for run in said["runs"]:
        for path, sha256 in ((run["file"], run["sha256"]), (run["record"], run["record_sha256"])):
            assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == sha256
        teacher = folder / "runs" / "cells" / run["teacher_key"] / f"best_test-{run['teacher_sha256'][:12]}.pt"
        assert hashlib.sha256(teacher.read_bytes()).hexdigest() == run["teacher_sha256"]
        (attempt,) = run["attempts"]
        assert attempt["found"] and attempt["status"] == "done" and attempt["seconds"] > 0
        assert (folder / attempt["record"]).is_file() and attempt["device"].startswith("cpu")
        assert attempt["versions"]["torch"] and len(attempt["code_version"]) == 40


@pytest.mark.slow
def test_the_verb_prints_what_the_table_prints(folder: Path) -> None:
    table = report(folder, "small.yaml").stdout
    answer = report(folder, "small.yaml", "--why", "small:ResNet8:Digits:0.5:R1").stdout
    number = answer.splitlines()[2].partition(" %")[0]
    assert number in table
    assert report(folder, "small.yaml", "--missing").stdout.rstrip().endswith("nothing is missing")


@pytest.mark.slow
def test_what_does_not_fit_is_one_line_and_exit_code_2(folder: Path) -> None:
    done = report(folder, "small.yaml", "--why", "small:ResNet8:Digits:0.5:R2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "'R2' fits nothing there; " in done.stderr
