"""A user's own architecture and data set, each one function that a grid names: trained, shown, and refused in time."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = """
from torch import nn

def mlp(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, classes))

def deaf(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, classes + 1))
"""

DATA = """
import torch
from sd.train.datasets import Dataset

def stripes(root):
    labels = torch.arange(60) % 3
    images = (labels * 80).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 8, 8).contiguous()
    return Dataset(images, labels, images, labels, 3, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""

GRID = """\
name: own
defaults: {arch: my_models:mlp, dataset: my_data:stripes, aug: none, recipe: digits, epochs: 2, seeds: 0}
cells: [{rounds: 1, alpha: 0.5}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of work: the architecture lies beside the grid, the data set's function in the current folder."""
    (tmp_path / "grids").mkdir()
    (tmp_path / "grids" / "my_models.py").write_text(MODELS)
    (tmp_path / "my_data.py").write_text(DATA)
    (tmp_path / "grids" / "own.yaml").write_text(GRID)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Where there is no SLURM, whether or not this machine has one."""
    command = [sys.executable, "-m", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "SD_PROFILE"}
    environment["PATH"] = str(folder)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, env=environment)


def test_it_is_trained_by_the_workers_and_its_cost_is_counted_on_the_model(folder: Path) -> None:
    done = run(folder, "sd.launch", "grids/own.yaml", "--local", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "2 cells of unknown cost" in done.stdout
    rows = sqlite3.connect(folder / "results.db").execute("SELECT round, petaflop FROM cells ORDER BY round").fetchall()
    forward = 2 * 3 * 8 * 8 * 3 * 1e-15
    assert [(n, pytest.approx(cost)) for n, cost in rows] == [
        (0, 60 * 2 * 3 * forward),
        (1, 60 * 2 * 3 * forward),  # its teacher answers once, as no view is random
    ]
    report = run(folder, "sd.report", "grids/own.yaml")
    assert "| my_models:mlp | my_data:stripes |" in report.stdout
    cost = run(folder, "sd.report", "grids/own.yaml", "--cost")
    assert "| my_models:mlp | my_data:stripes |" in cost.stdout, cost.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("my_models:mlp", "my_model:mlp", "my_model:mlp: module my_model cannot be imported"),
        ("my_models:mlp", "my_models:deaf", "my_models:deaf: gives (2, 4) for images (2, 3, 8, 8)"),
        ("my_data:stripes", "my_data:strips", "module my_data has no function 'strips'; did you mean 'stripes'?"),
    ],
)
def test_what_fails_is_one_line_before_anything_is_begun(old: str, new: str, said: str, folder: Path) -> None:
    """And not on --dry-run, which shows the plan without the user's modules."""
    grid = folder / "grids" / "own.yaml"
    grid.write_text(GRID.replace(old, new))
    planned = run(folder, "sd.launch", "grids/own.yaml", "--local", "--dry-run")
    assert planned.returncode == 0 and "2 to run" in planned.stdout
    done = run(folder, "sd.launch", "grids/own.yaml", "--local")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert said in line
    assert not (folder / "runs" / "cells").exists()


def test_batch_scripts_know_where_the_modules_lie(folder: Path) -> None:
    done = run(folder, "sd.launch", "grids/own.yaml", "--scripts", "scripts")
    assert done.returncode == 0, done.stderr
    text = next((folder / "scripts").glob("01-*.sh")).read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("export PYTHONPATH="))
    places = line.removeprefix("export PYTHONPATH=").partition("$")[0].split(":")
    assert places[1:] == [str(folder), str(folder / "grids")]
