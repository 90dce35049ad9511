"""A cell of CIFAR-10 is scored on CIFAR-10.1, beside its own test set; without the files nothing is begun."""

from pathlib import Path

import numpy as np
import pytest
import torch
from test_cifar101_is_the_published_arrays import write_cifar101

from sd import BadInput
from sd.cluster.task import sources
from sd.cluster.task.place import Place, Watch
from sd.cluster.task.requirements import require
from sd.cluster.task.step import run_step
from sd.plan.grid import read_grid
from sd.plan.schedule import plan
from sd.store.database import open_database
from sd.store.progress import Done
from sd.store.record import cell_folder, find_records
from sd.store.todo import find_todo
from sd.train.checkpoint import load
from sd.train.datasets import LOADERS, Dataset
from sd.train.datasets.dataset import assemble
from sd.train.models import build

GRID = """
name: shifted
cells:
  - {arch: resnet20, dataset: cifar10, recipe: appendix_a, epochs: 1, seeds: 0, batch_size: 16,
     measure: robustness, robustness: {shifts: [contrast, cifar10.1], severities: [5]}}
"""


def few(root: Path) -> Dataset:
    """48 training and 20 test images in CIFAR-10's place."""
    draws = np.random.default_rng(0)
    splits = [
        (torch.from_numpy(draws.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)), torch.arange(n) % 10)
        for n in (48, 20)
    ]
    return assemble("cifar10", *splits)


def test_a_cell_is_scored_on_the_published_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOADERS, "cifar10", few)
    monkeypatch.setattr(sources, "_LOADED", {})
    (tmp_path / "grid.yaml").write_text(GRID)
    planned = plan([read_grid(tmp_path / "grid.yaml")])
    (step,) = planned.steps.values()
    todo = find_todo(planned, Done(frozenset(), frozenset()), ())
    with pytest.raises(
        BadInput, match=r"cifar10.1 is not \(whole\) under .*; fetch it with: python -m sd.data prepare"
    ):
        require(todo, tmp_path / "data")

    (tmp_path / "data").mkdir()
    pixels, labels = write_cifar101(tmp_path / "data" / "cifar10.1", "cifar10.1", monkeypatch)
    require(todo, tmp_path / "data")
    run_step(step, Place(tmp_path / "runs", tmp_path / "data", "cpu", 1, 60.0), Watch())
    database = open_database(str(tmp_path / "results.db"), create=True)
    assert database.ingest(find_records(tmp_path / "runs")).refused == []
    found = {row["shift"]: row for row in database.rows("SELECT * FROM robustness")}
    assert {name: (row["severity"], row["n_samples"]) for name, row in found.items()} == {
        "none": (0, 20),
        "contrast": (5, 20),
        "cifar10.1": (0, 30),
    }
    (path,) = cell_folder(tmp_path / "runs", step.cell.key).glob("best_test-*.pt")
    model = build("resnet20", 10)
    model.load_state_dict(load(path, torch.device("cpu"), sha256=found["none"]["checkpoint_sha256"])["model"])
    seen = few(tmp_path).normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    with torch.no_grad():
        logits = model.eval()(seen)
    right = (logits.argmax(1).numpy() == labels).mean()
    assert found["cifar10.1"]["top1"] == pytest.approx(100 * right)
    own = database.rows("SELECT top1 FROM evaluations WHERE checkpoint = 'best_test' AND split = 'test'")
    assert found["none"]["top1"] == own[0]["top1"]
