"""``sd.launch`` looks for CLIP before it begins: what is missing is one line, and nothing is trained until then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GRID = """\
name: g
defaults: {arch: clip_rn50, dataset: DATASET, recipe: digits, epochs: 1, seeds: 0, aug: none}
cells:
  - {rounds: 1, alpha: 0.5, teacher: zero_shot}
"""
BROKEN = "raise ImportError('it is not here')\n"
MINE = """\
from dataclasses import replace
from sd.train.datasets import load
def named(root):
    return replace(load("digits"), class_names=tuple("0123456789"))
"""


@pytest.mark.parametrize(
    ("dataset", "installed", "wanted"),
    [
        ("mine:named", False, "pip install 'sd[clip]'"),
        ("mine:named", True, "python -m sd.data weights clip_rn50"),
        ("digits", True, "digits: what its classes are called, which CLIP's text encoder reads, is not known; give"),
    ],
)
def test_what_is_missing_is_one_line_before_anything_begins(
    dataset: str, installed: bool, wanted: str, tmp_path: Path
) -> None:
    (tmp_path / "grid.yaml").write_text(GRID.replace("DATASET", dataset))
    (tmp_path / "mine.py").write_text(MINE)
    if not installed:
        (tmp_path / "open_clip.py").write_text(BROKEN)
    hub = {"HF_HOME": str(tmp_path / "hub"), "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [sys.executable, "-m", "sd.launch", "grid.yaml", "--local"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, **hub},
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert wanted in line
    assert not list(tmp_path.glob("runs/cells/*"))
