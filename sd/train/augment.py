"""Augmentation of a whole batch at once, where the batch lies, each image with draws of its own."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sd.train.autoaugment import autoaugment

PADDING = 4


def none(images: Tensor, _: torch.Generator) -> Tensor:
    """The images as they are."""
    return images


def crop(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image cropped to its own size out of a 4-pixel border of zeros, at a place of its own."""
    return _shifted(images, generator, flip=False)


def crop_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """The same, and half of the images mirrored left to right (spec H11)."""
    return _shifted(images, generator, flip=True)


def _shifted(images: Tensor, generator: torch.Generator, *, flip: bool) -> Tensor:
    """One gather: uint8 (n, c, h, w) to uint8 of the same shape. Draws from ``generator`` on the images' device."""
    n, _, height, width = images.shape
    device = images.device
    corner = torch.randint(0, 2 * PADDING + 1, (2, n, 1), generator=generator, device=device)
    columns = torch.arange(width, device=device).expand(n, width)
    if flip:
        mirrored = torch.rand((n, 1), generator=generator, device=device) < 0.5
        columns = torch.where(mirrored, width - 1 - columns, columns)
    rows = (torch.arange(height, device=device) + corner[0])[:, :, None]
    padded = F.pad(images, (PADDING,) * 4).permute(0, 2, 3, 1)
    which = torch.arange(n, device=device)[:, None, None]
    return padded[which, rows, (columns + corner[1])[:, None, :]].permute(0, 3, 1, 2)


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
    """What is done to each image of a training batch, in this order.

    Attributes:
        place: crop and flip.
        policy: whether AutoAugment follows, by the policy of the data set.
        cutout: whether, after normalising, a square of the data set's length is set to zero.
    """

    place: Callable[[Tensor, torch.Generator], Tensor]
    policy: bool = False
    cutout: bool = False

    def __call__(self, images: Tensor, generator: torch.Generator, policy: str = "cifar10") -> Tensor:
        """What is done before normalising: uint8 (n, 3, h, w) to uint8 of the same shape."""
        placed = self.place(images, generator)
        return autoaugment(placed, policy, generator) if self.policy else placed


AUGMENT = {
    "none": Augmentation(none),
    "crop": Augmentation(crop),
    "std": Augmentation(crop_and_flip),
    "cutout": Augmentation(crop_and_flip, cutout=True),
    "aa_cutout": Augmentation(crop_and_flip, policy=True, cutout=True),
}
