"""Augmentation of a whole batch at once, where the batch lies, each image with draws of its own."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sd.plan.recipe import Recipe
from sd.train import pixels
from sd.train.autoaugment import autoaugment, draws_on_the_cpu, rotation
from sd.train.datasets import Dataset


def none(images: Tensor, _: torch.Generator) -> Tensor:
    """The images as they are."""
    return images


def crop(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image cropped to its own size out of a border of zeros, at a place of its own (see :func:`padding`)."""
    return _shifted(images, generator, flip=False)


def crop_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """The same, and half of the images mirrored left to right (spec H11)."""
    return _shifted(images, generator, flip=True)


def padding(side: int) -> int:
    """Width of a crop's border: an eighth of the side, 8 at 64×64 (spec H18), and 4 up to 32×32 (H11)."""
    return max(4, side // 8)


def _shifted(images: Tensor, generator: torch.Generator, *, flip: bool) -> Tensor:
    """One gather: uint8 (n, c, h, w) to uint8 of the same shape. Draws from ``generator`` on the images' device."""
    n, _, height, width = images.shape
    device, border = images.device, padding(max(height, width))
    corner = torch.randint(0, 2 * border + 1, (2, n, 1), generator=generator, device=device)
    columns = torch.arange(width, device=device).expand(n, width)
    if flip:
        mirrored = torch.rand((n, 1), generator=generator, device=device) < 0.5
        columns = torch.where(mirrored, width - 1 - columns, columns)
    rows = (torch.arange(height, device=device) + corner[0])[:, :, None]
    padded = F.pad(images, (border,) * 4).permute(0, 2, 3, 1)
    which = torch.arange(n, device=device)[:, None, None]
    return padded[which, rows, (columns + corner[1])[:, None, :]].permute(0, 3, 1, 2)


def rotate(images: Tensor, generator: torch.Generator, degrees: float) -> Tensor:
    """Each image turned about its centre by an angle of its own, uniform in [−degrees, degrees]; black outside.

    As ``torchvision.transforms.RandomRotation(degrees)`` does to a PIL image: nearest neighbour, equal bit for bit.
    """
    angles = torch.empty(len(images)).uniform_(-degrees, degrees, generator=draws_on_the_cpu(generator)).tolist()
    matrices = torch.tensor([pixels.fixed_point(rotation(angle, *images.shape[2:])) for angle in angles])
    return pixels.affine(images, matrices.to(images.device, non_blocking=True))


def cutout(images: Tensor, generator: torch.Generator, length: int) -> Tensor:
    """A square of normalised images set to zero, in place, each about a centre of its own (DeVries & Taylor, 2017).

    The centre is uniform over the image, so that part of the square may lie outside; as in the DARTS recipe it follows
    normalisation, so zero is the mean colour (spec H12).

    Args:
        images: float (n, c, h, w).
        length: side of the square in pixels.
    """
    n, _, height, width = images.shape
    device = images.device
    hidden = []
    for size in (height, width):
        centre = torch.randint(0, size, (n, 1), generator=generator, device=device)
        place = torch.arange(size, device=device)
        hidden.append((place >= centre - length // 2) & (place < centre + length // 2))
    return images.mul_(~(hidden[0][:, None, :, None] & hidden[1][:, None, None, :]))


@dataclass(frozen=True)
class Augmentation:
    """What is done to each image of a training batch, in this order, unless the recipe puts the policy first.

    Attributes:
        place: crop and flip.
        rotate: whether a rotation follows, by at most the recipe's angle.
        policy: whether AutoAugment follows, by the policy of the data set.
        cutout: whether, after normalising, a square is set to zero, of the recipe's or else the data set's length.
    """

    place: Callable[[Tensor, torch.Generator], Tensor]
    rotate: bool = False
    policy: bool = False
    cutout: bool = False

    @property
    def is_random(self) -> bool:
        """Whether two views of an image can differ."""
        return self.place is not none or self.rotate or self.policy or self.cutout


AUGMENT = {
    "none": Augmentation(none),
    "crop": Augmentation(crop),
    "std": Augmentation(crop_and_flip),
    "crop_rotate": Augmentation(crop, rotate=True),
    "cutout": Augmentation(crop_and_flip, cutout=True),
    "aa_cutout": Augmentation(crop_and_flip, policy=True, cutout=True),
}


def view(images: Tensor, aug: str, data: Dataset, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """What a model is trained on: stored images augmented by ``aug`` and normalised.

    Args:
        images: uint8 (n, 3, h, w), left as they are.
        generator: on the images' device; all draws are a function of its seed.

    Returns:
        float32 (n, 3, h, w), channels last in memory.
    """
    augment = AUGMENT[aug]
    steps: list[Callable[[Tensor], Tensor]] = [lambda x: augment.place(x, generator)]
    if augment.rotate:
        steps.append(lambda x: rotate(x, generator, recipe.rotation))
    if augment.policy:
        at = len(steps) if recipe.augment_order == "crop_first" else 0
        steps.insert(at, lambda x: autoaugment(x, data.policy, generator))
    for step in steps:
        images = step(images)
    seen = data.normalise(images)
    return cutout(seen, generator, recipe.cutout_length or data.cutout) if augment.cutout else seen
