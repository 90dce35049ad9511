"""What a submission leaves for its jobs: manifests that give back just what was planned, and a copy of the code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import sd
from sd import BadInput
from sd.cluster.manifest import Header, Work, read_cells, read_keys, read_task, write_manifest
from sd.cluster.snapshot import snapshot
from sd.plan.grid import read_grid
from sd.plan.schedule import plan

GRID = """\
name: g
defaults: {dataset: digits, arch: resnet8, recipe: digits, seeds: [0, 1], rounds: 1, alpha: 0.5, measure: [curvature]}
cells: [{epochs: 3, label_noise: 0.1}]
"""

HEADER = Header("g", "sd grid=g run=run array=01-T", "/r", None, "/r/results.db", "/c", "cpu", 2, 60.0)


def test_a_task_gets_back_what_was_planned(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(GRID)
    steps = list(plan([read_grid(tmp_path / "g.yaml")]).steps.values())
    works = [Work(step, {"last/test": 97.5} if n else None, 12.5 if n else None) for n, step in enumerate(steps)]
    path = tmp_path / "01-T.jsonl"
    write_manifest(path, HEADER, [(0, works[:3]), (12, works[3:])])
    for index, expected in ((0, works[:3]), (12, works[3:])):
        header, found = read_task(path, index)
        assert header == HEADER
        assert [(w.step.cell, w.step.measures) for w in found] == [(w.step.cell, w.step.measures) for w in expected]
        assert [(w.scores_before, w.expected_seconds) for w in found] == [
            (w.scores_before, w.expected_seconds) for w in expected
        ]
        assert [w.step.cell.key for w in found] == [w.step.cell.key for w in expected]
    assert read_keys(path) == {0: [s.cell.key for s in steps[:3]], 12: [s.cell.key for s in steps[3:]]}
    assert [cell.key for cells in read_cells(path).values() for cell in cells] == [s.cell.key for s in steps]
    with pytest.raises(BadInput, match=r"has no task 1$"):
        read_task(path, 1)


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'{"tasks": 1, "manifest_version": 1}\n{"task":0,', b"\xff"])
@pytest.mark.parametrize("read", [read_keys, read_cells, lambda path: read_task(path, 0)])
def test_a_damaged_manifest_is_one_line(damage: bytes, read: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "00-T.jsonl"
    path.write_bytes(damage)
    with pytest.raises(BadInput, match=r"is not a whole manifest; .*restore or remove it$"):
        read(path)


def test_the_job_of_a_damaged_manifest_says_so_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "00-T.jsonl"
    path.write_text("{}\n")
    environment = {**os.environ, "SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_JOB_ID": "7"}
    command = [sys.executable, "-m", "sd.cluster.job", str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "") and done.stdout.startswith(f"job 7_0: {path}: is not a whole")


def test_a_snapshot_is_made_once_runs_by_itself_and_knows_its_commit(tmp_path: Path) -> None:
    first, again = snapshot(tmp_path), snapshot(tmp_path)
    assert first == again and len(list((tmp_path / "code").iterdir())) == 1
    program = (
        "import json, sd, sd.cluster.job; from sd.store.attempt import code_version;"
        "from sd.store.shipped import view_definitions; view_definitions();"
        "print(json.dumps([sd.__path__[0], *code_version()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd="/",
        env={"PYTHONPATH": str(first), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    where, commit, clean = json.loads(done.stdout)
    from sd.store.attempt import code_version

    assert where == str(first / "sd") != sd.__path__[0]
    assert (commit, clean) == code_version()
