"""CIFAR is read as it was published, and where it is not there the line says which command fetches it."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from sd import BadInput
from sd.plan.catalogue import DATASETS
from sd.train.datasets import data_root, load, prepare


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_a_set_that_is_missing_names_the_command_that_fetches_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --data-root, too: then the command names the folder of SD_DATA."""
    monkeypatch.setenv("SD_DATA", str(tmp_path / "elsewhere"))
    for given, root in ((tmp_path / "given", tmp_path / "given"), (None, tmp_path / "elsewhere")):
        with pytest.raises(BadInput) as raised:
            load(name, given)
        assert str(raised.value).endswith(f"fetch it with: python -m sd.data prepare {name} --data-root {root}")
        assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir()), "looking for data makes no folders"


def test_the_folder_is_what_was_given_then_sd_data_then_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SD_DATA", "/from/environment")
    assert data_root(Path("/given")) == Path("/given")
    assert data_root() == Path("/from/environment")
    monkeypatch.setenv("SD_DATA", "")
    assert data_root() == Path("data")


def test_bundled_sets_need_no_preparation(tmp_path: Path) -> None:
    for name, known in DATASETS.items():
        if known.bundled:
            prepare(name, tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(BadInput, match="did you mean 'cifar10'"):
        prepare("cifar-10", tmp_path)


@pytest.mark.cifar10
def test_real_cifar10_is_the_published_files_pixel_by_pixel() -> None:
    """Against the pickles themselves, without torchvision: rows of 3,072 bytes, red first, by lines."""
    if not os.environ.get("SD_DATA"):
        pytest.skip("SD_DATA is not set")
    data = load("cifar10")
    known = DATASETS["cifar10"]
    assert (len(data.train_labels), len(data.test_labels), data.classes) == (known.train, known.test, known.classes)
    folder = data_root() / "cifar-10-batches-py"
    for start, name in ((0, "data_batch_1"), (40_000, "data_batch_5"), (None, "test_batch")):
        batch = pickle.loads((folder / name).read_bytes(), encoding="bytes")
        images, labels = data.split("test" if start is None else "train")
        rows = slice(start or 0, (start or 0) + 10_000)
        published = torch.from_numpy(np.array(batch[b"data"])).view(-1, 3, 32, 32)
        assert torch.equal(images[rows], published)
        assert labels[rows].tolist() == batch[b"labels"]
    assert torch.bincount(data.train_labels).tolist() == [5000] * 10
    pixels = data.normalise(data.train_images)
    assert pixels.mean((0, 2, 3)).abs().max() < 2e-3
    assert (pixels.std((0, 2, 3)) - 1).abs().max() < 2e-2
