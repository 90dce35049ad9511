"""Each operation of AutoAugment, at every amount, is torchvision's of a PIL image, bit for bit; and drawn alike."""

import os

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import chi2_contingency, chisquare
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy, _apply_op

from sd.train.augment import cutout
from sd.train.autoaugment import BINS, OPERATIONS, apply, autoaugment, draw
from sd.train.datasets import load

POLICIES = [policy.value for policy in AutoAugmentPolicy]


def odd_images(height: int = 32, width: int = 32) -> Tensor:
    """Noise, smooth shades, a single colour, two values, an almost full range: what tables may stumble over."""
    draws = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (6, 3, height, width), generator=draws, dtype=torch.uint8)
    coarse = torch.rand(6, 3, 5, 5, generator=draws)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear").mul(200).to(torch.uint8)
    flat = torch.full((2, 3, height, width), 7, dtype=torch.uint8)
    flat[1, 0, 3, 4] = 200
    dark = (noise[:2] // 3) + 90
    return torch.cat([noise, smooth, flat, dark])


def pillow(image: Tensor, operation: str, amount: float) -> Tensor:
    made = _apply_op(
        Image.fromarray(image.permute(1, 2, 0).numpy()), operation, amount, InterpolationMode.NEAREST, None
    )
    return torch.from_numpy(np.array(made)).permute(2, 0, 1)


def check(images: Tensor, operation: str) -> None:
    amounts, signed = AutoAugment()._augmentation_space(BINS, tuple(images.shape[2:]))[operation]
    n = len(images)
    for bin_ in range(BINS if amounts.ndim else 1):
        for negative in (False, True) if signed else (False,):
            amount = float(amounts[bin_]) if amounts.ndim else 0.0
            ours = apply(
                images,
                torch.full((n,), OPERATIONS.index(operation)),
                torch.full((n,), bin_),
                torch.full((n,), negative),
            )
            theirs = torch.stack([pillow(image, operation, -amount if negative else amount) for image in images])
            assert torch.equal(ours, theirs), (operation, bin_, negative)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("shape", [(32, 32), (20, 37)])
def test_every_operation_is_pillows(operation: str, shape: tuple[int, int]) -> None:
    check(odd_images(*shape), operation)


@pytest.mark.cifar10
def test_every_operation_is_pillows_on_cifar10() -> None:
    if not os.environ.get("SD_DATA"):
        pytest.skip("SD_DATA is not set")
    images = load("cifar10").train_images[::997]
    for operation in OPERATIONS:
        check(images, operation)


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_drawn_is_applied_as_torchvision_applies_it(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's own transform, given our draws, makes the same images."""
    images = odd_images().repeat(20, 1, 1, 1)
    ours = autoaugment(images, policy, torch.Generator().manual_seed(3))
    drawn = draw(policy, len(images), torch.Generator().manual_seed(4))
    transform = AutoAugment(AutoAugmentPolicy(policy))
    for at, image in enumerate(images):
        chances = torch.where(drawn.applied[at], 0.0, 2.0)
        params = (int(drawn.sub_policy[at]), chances, (~drawn.negative[at]).long())
        monkeypatch.setattr(AutoAugment, "get_params", staticmethod(lambda _, params=params: params))
        theirs = np.array(transform(Image.fromarray(image.permute(1, 2, 0).numpy())))
        assert np.array_equal(ours[at].permute(1, 2, 0).numpy(), theirs), at


@pytest.mark.parametrize("policy", POLICIES)
def test_sub_policies_and_applications_are_distributed_as_torchvisions(policy: str) -> None:
    n = 20_000
    ours = draw(policy, n, torch.Generator().manual_seed(1))
    policies = AutoAugment(AutoAugmentPolicy(policy)).policies
    torch.manual_seed(2)
    theirs = [AutoAugment.get_params(len(policies)) for _ in range(n)]
    counts = np.zeros((2, len(policies) * 8), dtype=int)
    for sub_policy, applied, negative in zip(
        ours.sub_policy.tolist(), ours.applied.tolist(), ours.negative.tolist(), strict=True
    ):
        counts[0, sub_policy * 8 + applied[0] * 4 + applied[1] * 2 + negative[0]] += 1
    for sub_policy, chances, signs in theirs:
        applied = [bool(chances[k] <= policies[sub_policy][k][1]) for k in range(2)]
        counts[1, sub_policy * 8 + applied[0] * 4 + applied[1] * 2 + (signs[0] == 0)] += 1
    assert chi2_contingency(counts[:, counts.sum(0) > 20]).pvalue > 1e-4
    assert not counts[0, counts[1] == 0].sum() > 20
    assert chisquare(np.bincount(ours.sub_policy, minlength=len(policies))).pvalue > 1e-4


def test_images_of_a_batch_draw_for_themselves() -> None:
    same = odd_images()[:1].expand(200, -1, -1, -1)
    views = {view.numpy().tobytes() for view in autoaugment(same, "cifar10", torch.Generator().manual_seed(0))}
    assert len(views) > 40


def test_nothing_is_done_in_place_and_the_seed_decides() -> None:
    images = odd_images()
    before = images.clone()
    first, again, other = (autoaugment(images, "svhn", torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(images, before) and torch.equal(first, again) and not torch.equal(first, other)


def test_cutout_hides_a_square_about_a_uniform_centre() -> None:
    n, length, size = 40_000, 8, 32
    ones = torch.ones(n, 3, size, size)
    hidden = cutout(ones, torch.Generator().manual_seed(0), length) == 0
    assert torch.equal(hidden[:, 0], hidden[:, 1]) and torch.equal(hidden[:, 0], hidden[:, 2])
    rows, columns = hidden[:, 0].any(2), hidden[:, 0].any(1)
    assert torch.equal(hidden[:, 0], rows[:, :, None] & columns[:, None, :])
    for side in (rows, columns):
        first = side.int().argmax(1)
        last = first + side.sum(1)  # [first, last) is hidden, cut off at the borders
        centre = torch.where(first > 0, first + length // 2, last - length // 2)
        assert ((last - first) == (centre + length // 2).clamp(max=size) - (centre - length // 2).clamp(min=0)).all()
        assert chisquare(np.bincount(centre, minlength=size)).pvalue > 1e-4
