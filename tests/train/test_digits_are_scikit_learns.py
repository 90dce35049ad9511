"""The data set ``digits``: scikit-learn's images, each once, in a split that never changes, with noise by the chain."""

import hashlib

import pytest
import torch
from sklearn.datasets import load_digits

from sd.plan.catalogue import DATASETS
from sd.plan.cell import Cell
from sd.plan.recipe import RECIPES
from sd.train.datasets import Dataset, load, with_label_noise


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def test_sizes_are_those_that_plans_are_priced_with(digits: Dataset) -> None:
    known = DATASETS["digits"]
    assert (len(digits.train_labels), len(digits.test_labels), digits.classes) == (
        known.train,
        known.test,
        known.classes,
    )
    assert known.bundled and (known.train, known.test) == (1000, 797)


def test_every_image_of_scikit_learn_is_in_one_of_the_splits_with_its_label(digits: Dataset) -> None:
    """The enlarged image determines the small one: its middle pixels average to it (bilinear, four times)."""
    raw = load_digits()
    images = torch.cat([digits.train_images, digits.test_images]).float()
    labels = torch.cat([digits.train_labels, digits.test_labels]).tolist()
    assert torch.equal(images[:, 0], images[:, 1]) and torch.equal(images[:, 0], images[:, 2])
    inner = images[:, 0].reshape(-1, 8, 4, 8, 4)[:, :, 1:3, :, 1:3].mean((2, 4))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(raw.images).float()[:, None] * 255 / 16, size=32, mode="bilinear"
    )
    expected = expected[:, 0].reshape(-1, 8, 4, 8, 4)[:, :, 1:3, :, 1:3].mean((2, 4))
    nearest = torch.cdist(inner.flatten(1), expected.flatten(1)).min(1)
    assert nearest.values.max() < 8  # rounding to whole grey levels, 64 pixels
    assert sorted(nearest.indices.tolist()) == list(range(1797))
    assert [raw.target[index] for index in nearest.indices.tolist()] == labels


def test_the_split_is_pinned(digits: Dataset) -> None:
    """Another split would be another data set under the same cell keys."""
    labels = digits.train_labels.numpy().astype("<i8").tobytes() + digits.test_labels.numpy().astype("<i8").tobytes()
    assert hashlib.sha256(labels).hexdigest()[:16] == "439db8590fd3402e"


def test_the_split_is_stratified(digits: Dataset) -> None:
    """Each class has its share of the 1,000, to the nearest image."""
    train, test = torch.bincount(digits.train_labels), torch.bincount(digits.test_labels)
    share = (train + test) * 1000 / 1797
    assert (train - share).abs().max() <= 1


def test_all_cells_of_a_chain_see_the_same_wrong_labels(digits: Dataset) -> None:
    """The noise is drawn from the seed, which a chain shares, and from nothing else of a cell."""
    teacher = Cell("resnet8", "digits", "none", 0.3, "digits", RECIPES["digits"], "sgd", 0, 2)
    student = Cell(
        "resnet8", "digits", "none", 0.3, "digits", RECIPES["digits"], "sgd", 1, 2, 0.5, 4.0, "last", teacher
    )
    sam = Cell("resnet8", "digits", "none", 0.3, "digits", RECIPES["digits"], "sam", 0, 2)
    first, *others = (with_label_noise(digits, c.label_noise, c.seed).train_labels for c in (teacher, student, sam))
    assert all(torch.equal(first, other) for other in others)
    assert int((first != digits.train_labels).sum()) == 300


def test_without_noise_the_labels_are_the_true_ones(digits: Dataset) -> None:
    assert torch.equal(with_label_noise(digits, 0.0, 3).train_labels, digits.train_labels)


def test_which_labels_are_wrong_has_nothing_to_do_with_their_class(digits: Dataset) -> None:
    """Over 40 seeds every class is hit in proportion to its size, and every image about equally often."""
    wrong = sum((with_label_noise(digits, 0.3, s).train_labels != digits.train_labels).long() for s in range(40))
    assert isinstance(wrong, torch.Tensor)
    for label in range(10):
        assert float(wrong[digits.train_labels == label].float().mean()) == pytest.approx(12, abs=1)
    assert int(wrong.min()) > 0 and int(wrong.max()) < 26
