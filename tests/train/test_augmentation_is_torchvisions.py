"""Every augmented image is torchvision's own pad, crop and flip of it, at a place that is uniform and independent."""

from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import chisquare
from torchvision.transforms import functional as pillow
from torchvision.transforms.v2 import functional as transforms

from sd.plan.recipe import RECIPES
from sd.train.augment import AUGMENT, padding, rotate, view
from sd.train.datasets import load

RECIPE = RECIPES["digits"]
PADDING = padding(8)
PLACES = 2 * PADDING + 1


def every_view(image: torch.Tensor, *, flip: bool) -> dict[bytes, tuple[int, int, bool]]:
    """All crops of one image, by their bytes, one after the other as torchvision's transforms make them."""
    height, width = image.shape[-2:]
    bordered = transforms.pad(image, [PADDING])
    views = {}
    for top in range(PLACES):
        for left in range(PLACES):
            view = transforms.crop(bordered, top, left, height, width)
            views[view.numpy().tobytes()] = (top, left, False)
            if flip:
                views[transforms.horizontal_flip(view).numpy().tobytes()] = (top, left, True)
    return views


@pytest.mark.parametrize("aug", ["crop", "std"])
def test_each_image_is_one_of_the_views_of_itself(aug: str) -> None:
    """Each image is another one, so that a batch that mixes its images up would show; not square, so that axes do."""
    images = torch.randint(0, 256, (40, 3, 6, 9), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = AUGMENT[aug].place(images, torch.Generator().manual_seed(1))
    assert found.shape == images.shape and found.dtype == torch.uint8
    for image, made in zip(images, found, strict=True):
        assert made.contiguous().numpy().tobytes() in every_view(image, flip=aug == "std")


def test_place_and_mirroring_are_uniform_and_independent() -> None:
    """All 9 × 9 × 2 views are equally likely; the chi-square test of the whole table sees any dependence."""
    image = torch.randint(1, 256, (3, 6, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    views = every_view(image, flip=True)
    assert len(views) == PLACES * PLACES * 2
    batch = AUGMENT["std"].place(image.expand(20_000, -1, -1, -1), torch.Generator().manual_seed(2)).contiguous()
    counts = Counter(views[view.tobytes()] for view in batch.numpy())
    assert chisquare([counts[place] for place in views.values()]).pvalue > 1e-4


def test_neighbours_in_a_batch_are_drawn_independently() -> None:
    image = torch.randint(1, 256, (3, 6, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    views = every_view(image, flip=True)
    batch = AUGMENT["std"].place(image.expand(20_000, -1, -1, -1), torch.Generator().manual_seed(3)).contiguous()
    places = [views[view.tobytes()] for view in batch.numpy()]
    for axis, values in ((0, PLACES), (1, PLACES), (2, 2)):
        pairs = Counter((a[axis], b[axis]) for a, b in zip(places[::2], places[1::2], strict=True))
        assert chisquare([pairs[a, b] for a in range(values) for b in range(values)]).pvalue > 1e-4


def test_none_changes_nothing() -> None:
    images = load("digits").train_images[:5]
    data = load("digits")
    assert torch.equal(view(images, "none", data, RECIPE, torch.Generator()), data.normalise(images))


@pytest.mark.parametrize("aug", AUGMENT)
def test_the_data_that_is_held_is_never_written_to(aug: str) -> None:
    """Every epoch draws its views from the same stored images."""
    data = load("digits")
    images = data.train_images[:20].clone()
    view(images, aug, data, RECIPE, torch.Generator().manual_seed(0))
    assert torch.equal(images, data.train_images[:20])


def test_normalising_is_torchvisions() -> None:
    data = load("digits")
    scaled = transforms.to_dtype(data.train_images[:50], torch.float32, scale=True)
    expected = transforms.normalize(scaled, list(data.mean), list(data.std))
    assert torch.allclose(data.normalise(data.train_images[:50]), expected, atol=1e-5)


def test_the_border_is_the_papers_at_each_size() -> None:
    """4 pixels at 32×32 (spec H11), 8 at 64×64 (H18), 28 at 224×224."""
    assert [padding(side) for side in (8, 32, 64, 224)] == [4, 4, 8, 28]


def test_a_rotation_is_pillows_bit_for_bit_by_uniform_angles() -> None:
    """torchvision's RandomRotation(20) of a PIL image; ours draws its own angles, so they are drawn here again."""
    images = torch.randint(0, 256, (200, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = rotate(images, torch.Generator().manual_seed(4), 20.0)
    angles = torch.empty(200).uniform_(-20, 20, generator=torch.Generator().manual_seed(5)).tolist()
    assert min(angles) < -19 and max(angles) > 19
    for image, angle, turned in zip(images, angles, found, strict=True):
        expected = pillow.rotate(Image.fromarray(image.permute(1, 2, 0).numpy()), angle)
        assert np.array_equal(turned.permute(1, 2, 0).numpy(), np.asarray(expected))


def test_the_recipe_says_what_comes_first_and_how_large_cutouts_are() -> None:
    """AutoAugment before the crop and after it are two augmentations; a Cutout of 8 hides at most 64 pixels."""
    data = load("digits")
    images = data.train_images[:200]
    first, last = (
        view(
            images,
            "aa_cutout",
            data,
            RECIPE.model_copy(update={"augment_order": order}),
            torch.Generator().manual_seed(0),
        )
        for order in ("policy_first", "crop_first")
    )
    assert not torch.equal(first, last)
    for length in (8, 16):
        recipe = RECIPE.model_copy(update={"cutout_length": length})
        plain = view(images, "std", data, recipe, torch.Generator().manual_seed(0))
        hidden = (
            (view(images, "cutout", data, recipe, torch.Generator().manual_seed(0)) != plain).any(1).flatten(1).sum(1)
        )
        assert hidden.max() <= length**2 and hidden.max() > length**2 / 2
