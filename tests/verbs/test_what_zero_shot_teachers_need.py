"""``sd.launch`` looks for CLIP before it begins: what is missing is one line, and nothing is trained until then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GRID = """\
name: g
defaults: {arch: clip_rn50, dataset: digits, recipe: digits, epochs: 1, seeds: 0, aug: none}
cells:
  - {rounds: 1, alpha: 0.5, teacher: zero_shot}
"""
BROKEN = "raise ImportError('it is not here')\n"


@pytest.mark.parametrize("installed", [True, False])
def test_what_is_missing_is_one_line_before_anything_begins(installed: bool, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    if not installed:
        (tmp_path / "open_clip.py").write_text(BROKEN)
    hub = {"HF_HOME": str(tmp_path / "hub"), "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [sys.executable, "-m", "sd.launch", "grid.yaml", "--local"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **hub},
    )
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    wanted = "python -m sd.data weights clip_rn50" if installed else "pip install 'sd[clip]'"
    assert wanted in line
    assert not list(tmp_path.glob("runs/cells/*"))
