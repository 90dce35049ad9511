"""Crop, flip and label noise do to each image what a plain loop over images would do."""

import socket
from collections import Counter
from pathlib import Path

import pytest
import torch
from scipy.stats import chisquare

from sd import BadInput
from sd.train.augment import crop, crop_and_flip, padding
from sd.train.datasets import load, prepare, with_label_noise
from sd.train.randomness import derive, generator

CPU = torch.device("cpu")
PADDING = padding(8)


def numbered(n: int) -> torch.Tensor:
    """Images whose every pixel is different and not zero, so that a crop shows where it was taken."""
    pixels = torch.arange(3 * 8 * 8).reshape(1, 3, 8, 8) + 1
    return pixels.expand(n, -1, -1, -1).to(torch.uint8)


def place_of(image: torch.Tensor, original: torch.Tensor) -> tuple[int, int, bool]:
    """The (top, left, mirrored) whose crop of the bordered image is ``image``; exactly one must fit."""
    bordered = torch.zeros(3, 8 + 2 * PADDING, 8 + 2 * PADDING, dtype=torch.uint8)
    bordered[:, PADDING:-PADDING, PADDING:-PADDING] = original
    fitting = []
    for top in range(2 * PADDING + 1):
        for left in range(2 * PADDING + 1):
            window = bordered[:, top : top + 8, left : left + 8]
            fitting += [(top, left, m) for m, w in ((False, window), (True, window.flip(2))) if torch.equal(w, image)]
    assert len(fitting) == 1
    return fitting[0]


def test_every_image_is_a_crop_of_its_own_and_all_places_are_equally_likely() -> None:
    images = numbered(3000)
    found = crop_and_flip(images, torch.Generator().manual_seed(0))
    places = [place_of(image, images[0]) for image in found]
    for axis, values in ((0, range(9)), (1, range(9)), (2, (False, True))):
        counts = Counter(place[axis] for place in places)
        assert chisquare([counts[value] for value in values]).pvalue > 1e-4


def test_crop_alone_never_mirrors() -> None:
    """A mirrored digit is another sign."""
    images = numbered(300)
    assert not any(place_of(image, images[0])[2] for image in crop(images, torch.Generator().manual_seed(0)))


def test_draws_are_a_function_of_where_they_are_made() -> None:
    images = load("digits").train_images[:10]
    first, again, other = (crop(images, generator(CPU, 0, "augment", 1, epoch, 7)) for epoch in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert derive(0, "order", 1) != derive(0, "augment", 1) != derive(1, "augment", 1)
    assert derive(0, "order", 12) != derive(0, "order", 1, 2)


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.999])
def test_label_noise_changes_just_so_many_labels_and_each_to_another_class(fraction: float) -> None:
    clean = load("digits")
    noisy = with_label_noise(clean, fraction, seed=5)
    assert int((noisy.train_labels != clean.train_labels).sum()) == round(fraction * 1000)
    assert torch.equal(noisy.test_labels, clean.test_labels)
    assert noisy.train_labels.min() >= 0 and noisy.train_labels.max() < 10
    assert torch.equal(with_label_noise(clean, fraction, seed=5).train_labels, noisy.train_labels)
    assert not torch.equal(with_label_noise(clean, fraction, seed=6).train_labels, noisy.train_labels)


def test_wrong_labels_are_uniform_over_the_other_classes() -> None:
    clean = load("digits")
    shifts: Counter[int] = Counter()
    for seed in range(20):
        noisy = with_label_noise(clean, 0.3, seed).train_labels
        shifts.update(((noisy - clean.train_labels) % 10)[noisy != clean.train_labels].tolist())
    assert chisquare([shifts[k] for k in range(1, 10)]).pvalue > 1e-4


def test_a_data_set_that_is_not_there_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"python -m sd.data prepare cifar10 --data-root {tmp_path}"):
        load("cifar10", tmp_path)
    with pytest.raises(BadInput, match="did you mean 'cifar10'"):
        load("cifar-10", tmp_path)


def test_a_damaged_data_set_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "test_batch", "batches.meta"):
        (folder / name).write_bytes(b"half a file")
    with pytest.raises(BadInput, match=r"is not \(whole\)"):
        load("cifar10", tmp_path)


def test_a_data_set_that_cannot_be_fetched_says_why_and_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is taken away: every name resolves to nothing."""

    def unreachable(*_: object, **__: object) -> None:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(
        BadInput, match=r"cannot be fetched \(.*\); or put its official files into .*cifar-10-batches-py"
    ):
        prepare("cifar10", tmp_path)
