"""A prepared data set is the published one, and every way in which it can be damaged is one line."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from published import content, run_prepare, write_svhn

from sd import BadInput
from sd.plan.catalogue import DATASETS
from sd.train.datasets import load, prepare, standing
from sd.train.datasets.prepared import prepared_folder


@pytest.mark.cifar10
def test_real_cifar10_prepared_equals_the_pickles(tmp_path: Path) -> None:
    if not os.environ.get("SD_DATA"):
        pytest.skip("SD_DATA is not set")
    pickles = Path(os.environ["SD_DATA"]).resolve() / "cifar-10-batches-py"
    (tmp_path / pickles.name).symlink_to(pickles)
    prepare("cifar10", tmp_path)
    data = load("cifar10", tmp_path)
    for split, names in (("train", [f"data_batch_{n}" for n in range(1, 6)]), ("test", ["test_batch"])):
        batches = [pickle.loads((pickles / name).read_bytes(), encoding="bytes") for name in names]
        images, labels = data.split(split)
        assert labels.tolist() == [label for batch in batches for label in batch[b"labels"]]
        published = np.concatenate([batch[b"data"] for batch in batches])
        assert torch.equal(images, torch.from_numpy(published).view(-1, 3, 32, 32))


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a small SVHN that was prepared."""
    write_svhn(tmp_path, monkeypatch)
    prepare("svhn", tmp_path)
    return prepared_folder("svhn", tmp_path)


@pytest.mark.filterwarnings("error")
def test_images_are_a_map_of_the_file_and_nothing_warns(prepared: Path) -> None:
    """A page that several processes map is in memory once."""
    data = load("svhn", prepared.parents[1])
    assert str(prepared / "train_images.npy") in Path("/proc/self/maps").read_text()
    assert len(data.train_images) == 30


def relabel(folder: Path, value: int) -> None:
    labels = np.load(folder / "train_labels.npy")
    labels[labels == 3] = value
    np.save(folder / "train_labels.npy", labels)


def edit_about(folder: Path, change: Callable[[dict], object]) -> None:
    about = json.loads((folder / "about.json").read_text())
    change(about)
    (folder / "about.json").write_text(json.dumps(about))


def shorter(folder: Path) -> None:
    """As an older build of the data set with fewer images would be: whole in itself."""
    images = np.load(folder / "test_images.npy")[:-1]
    np.save(folder / "test_images.npy", images)
    np.save(folder / "test_labels.npy", np.load(folder / "test_labels.npy")[:-1])

    def tell(about: dict) -> None:
        for part in ("images", "labels"):
            file = f"test_{part}.npy"
            about["files"][file] |= {
                "shape": list(np.load(folder / file).shape),
                "bytes": (folder / file).stat().st_size,
            }

    edit_about(folder, tell)


DAMAGES = {
    "cut off": (lambda it: os.truncate(it / "train_images.npy", 5000), "train_images.npy: has 5,000 bytes of 92,288"),
    "missing": (lambda it: (it / "test_labels.npy").unlink(), r"test_labels.npy: cannot be read \(No such file"),
    "no array": (
        lambda it: (it / "train_labels.npy").write_bytes(b"\0" * (it / "train_labels.npy").stat().st_size),
        "train_labels.npy: is no array",
    ),
    "label too high": (lambda it: relabel(it, 10), "training labels from 0 to 10 where svhn has 10 classes"),
    "class missing": (lambda it: relabel(it, 4), "training images of 9 classes where svhn has 10"),
    "other number": (shorter, "19 test images where svhn has 20"),
    "other version": (
        lambda it: edit_about(it, lambda about: about.update(version=7)),
        "about.json: is of format version 7, and this sd reads version 1",
    ),
    "no json": (lambda it: (it / "about.json").write_text("{"), "about.json: cannot be read"),
    "half of it": (lambda it: edit_about(it, lambda about: about["files"].popitem()), "about.json: does not tell of"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_is_one_line_and_prepare_mends_it(damage: str, prepared: Path) -> None:
    root, whole = prepared.parents[1], content(prepared)
    harm, text = DAMAGES[damage]
    harm(prepared)
    with pytest.raises(BadInput, match=text) as raised:
        load("svhn", root)
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(f"build svhn again with: python -m sd.data prepare svhn --data-root {root}")
    assert "again with: python -m sd.data prepare svhn" in standing("svhn", root)
    said: list[str] = []
    prepare("svhn", root, tell=said.append)
    assert len(said) == 1 and said[0].endswith("svhn is built again")
    assert content(prepared) == whole and standing("svhn", root) == "prepared"


def test_a_changed_pixel_is_found_by_prepare(prepared: Path) -> None:
    """Load does not look at the pixels: each of ten thousand jobs would have to read all of them."""
    whole = content(prepared)
    with (prepared / "train_images.npy").open("r+b") as file:
        file.seek(1000)
        file.write(b"\1")
    load("svhn", prepared.parents[1])
    said: list[str] = []
    prepare("svhn", prepared.parents[1], tell=said.append)
    assert said == [f"{prepared}/train_images.npy: is not what was written (its SHA-256 differs); svhn is built again"]
    assert content(prepared) == whole
    prepare("svhn", prepared.parents[1], tell=said.append)
    assert len(said) == 1, "what is whole is left as it is"


def test_how_each_set_stands(prepared: Path) -> None:
    root = prepared.parents[1]
    assert standing("digits", root) == "ready"
    assert standing("imagenet", root) == f"absent; fetch it with: python -m sd.data prepare imagenet --data-root {root}"
    (prepared / "about.json").unlink()
    assert standing("svhn", root).startswith("original files are there; convert them with: python -m sd.data prepare")


def test_the_command_says_that_it_is_ready(prepared: Path) -> None:
    done = run_prepare("svhn", prepared.parents[1])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"svhn: {DATASETS['svhn'].train} training and {DATASETS['svhn'].test} test images are ready\n"
