"""CIFAR is read as it was published, and where it is not there the line says which command fetches it."""

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets

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


def small_files(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[np.ndarray, list[int]]]:
    """A few images in the published format; only the checksums that torchvision expects are set to those of these."""
    kind = {"cifar10": torchvision.datasets.CIFAR10, "cifar100": torchvision.datasets.CIFAR100}[name]
    folder = root / kind.base_folder
    folder.mkdir()
    draws = np.random.default_rng(0)
    label_key, names_key = ("labels", "label_names") if name == "cifar10" else ("fine_labels", "fine_label_names")

    def write(file: str, content: dict[str, object]) -> str:
        blob = pickle.dumps(content, protocol=2)
        (folder / file).write_bytes(blob)
        return hashlib.md5(blob).hexdigest()

    written = {}
    for attribute in ("train_list", "test_list"):
        entries = []
        for file, _ in getattr(kind, attribute):
            pixels = draws.integers(0, 256, (4, 3072), dtype=np.uint8)
            labels = draws.integers(0, DATASETS[name].classes, 4).tolist()
            coarse = {"coarse_labels": [0] * 4} if name == "cifar100" else {}
            entries.append([file, write(file, {"data": pixels, label_key: labels, **coarse})])
            written[file] = pixels, labels
        monkeypatch.setattr(kind, attribute, entries)
    names = [str(index) for index in range(DATASETS[name].classes)]
    md5 = write(kind.meta["filename"], {names_key: names})
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5})
    return written


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_small_files_in_the_published_format_are_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CIFAR-100's fine labels, not its coarse ones; rows of 3,072 bytes, red first, by lines."""
    written = small_files(name, tmp_path, monkeypatch)
    data = load(name, tmp_path)
    for split, files in (
        ("train", [f for f in written if "test" not in f]),
        ("test", [f for f in written if "test" in f]),
    ):
        images, labels = data.split(split)
        assert images.dtype == torch.uint8 and labels.dtype == torch.int64
        published = np.concatenate([written[file][0] for file in files])
        assert torch.equal(images, torch.from_numpy(published).view(-1, 3, 32, 32))
        assert labels.tolist() == [label for file in files for label in written[file][1]]
    assert data.classes == DATASETS[name].classes


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_a_file_that_is_not_the_published_one_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte is enough: a number that was trained on other data would be stored as one of CIFAR's."""
    written = small_files(name, tmp_path, monkeypatch)
    file = next(path for path in tmp_path.rglob("*") if path.name in written)
    blob = bytearray(file.read_bytes())
    blob[-30] ^= 1
    file.write_bytes(blob)
    with pytest.raises(BadInput, match=rf"{name} is not \(whole\) under"):
        load(name, tmp_path)


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
