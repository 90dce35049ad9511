"""Augmentation of a whole batch at once, where the batch lies, each image with draws of its own."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Augmentation = Callable[[Tensor, torch.Generator], Tensor]

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


AUGMENT: dict[str, Augmentation] = {"none": none, "crop": crop, "std": crop_and_flip}
