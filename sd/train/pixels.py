"""Pillow's image operations on a batch of uint8 images, each image with an amount of its own; equal bit for bit.

Every function takes and returns uint8 (n, 3, h, w) and leaves its input as it is. Their definition is the C code of
Pillow (``Geometry.c``, ``Blend.c``, ``Filter.c``, ``Convert.c``) and its ``ImageOps`` and ``ImageEnhance``, which
torchvision's transforms call for a PIL image; ``tests/train/test_pixels_are_pillows.py`` holds the two together.
"""

import torch
from torch import Tensor


def affine(images: Tensor, matrices: Tensor) -> Tensor:
    """Nearest-neighbour affine transform; outside of the image is black.

    Args:
        matrices: int64 (n, 6), from output to input, in 16.16 fixed point (:func:`fixed_point`), as Pillow computes.
    """
    n, _, height, width = images.shape
    a, b, c, d, e, f = (column.view(n, 1, 1) for column in matrices.unbind(1))
    x = torch.arange(width, device=images.device)
    y = torch.arange(height, device=images.device).view(-1, 1)
    column, row = (a * x + b * y + c) >> 16, (d * x + e * y + f) >> 16
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    places = row.clamp_(0, height - 1).mul_(width).add_(column.clamp_(0, width - 1))
    moved = images.flatten(2).gather(2, places.view(n, 1, -1).expand(-1, images.shape[1], -1))
    return moved.view(images.shape).mul_(inside.unsqueeze(1))


def fixed_point(matrix: tuple[float, float, float, float, float, float]) -> list[int]:
    """An inverse affine matrix, output to input, as :func:`affine` takes it: at the pixels' centres, in 16.16."""
    a, b, c, d, e, f = matrix
    exact = (a, b, c + a * 0.5 + b * 0.5, d, e, f + d * 0.5 + e * 0.5)
    return [int((value * 65536.0 + 0.5) // 1) for value in exact]


def lookup(images: Tensor, tables: Tensor) -> Tensor:
    """Each value replaced by what its table says. Args: tables: uint8 (n, 3, 256)."""
    return tables.gather(2, images.flatten(2).long()).view(images.shape)


def identity_table(n: int, device: torch.device) -> Tensor:
    """int64 (n, 3, 256): every value stays."""
    return torch.arange(256, device=device).expand(n, 3, 256)


def posterize_table(bits: Tensor) -> Tensor:
    """The ``bits`` (n,) highest bits of each value stay."""
    mask = 256 - (1 << (8 - bits))
    return (identity_table(len(bits), bits.device) & mask.view(-1, 1, 1)).to(torch.uint8)


def solarize_table(threshold: Tensor) -> Tensor:
    """Values from ``threshold`` (n,) on are inverted."""
    values = identity_table(len(threshold), threshold.device)
    return torch.where(values < threshold.view(-1, 1, 1), values, 255 - values).to(torch.uint8)


def invert_table(n: int, device: torch.device) -> Tensor:
    """Every value is inverted."""
    return (255 - identity_table(n, device)).to(torch.uint8)


def autocontrast_table(images: Tensor) -> Tensor:
    """Each channel's range is stretched to [0, 255]; a channel of one value stays."""
    flat = images.flatten(2)
    low, high = flat.amin(2, keepdim=True).double(), flat.amax(2, keepdim=True).double()
    values = identity_table(len(images), images.device)
    scale = torch.full_like(low, 255.0) / (high - low).clamp_(min=1)  # 255.0 / x is x.reciprocal() * 255.0 in torch
    stretched = (values * scale - low * scale).trunc_().clamp_(0, 255).long()
    return torch.where(high > low, stretched, values).to(torch.uint8)


def equalize_table(images: Tensor) -> Tensor:
    """Each channel's histogram is made as flat as a table can; a channel of too few values stays."""
    n, channels = images.shape[:2]
    flat = images.flatten(2).long()
    counts = torch.zeros(n, channels, 256, dtype=torch.int64, device=images.device)
    counts.scatter_add_(2, flat, torch.ones_like(flat))
    last = counts.gather(2, flat.amax(2, keepdim=True))
    step = (flat.shape[2] - last) // 255
    before = counts.cumsum(2) - counts
    flattened = ((step // 2 + before) // step.clamp(min=1)).clamp_(max=255)
    return torch.where(step > 0, flattened, identity_table(n, images.device)).to(torch.uint8)


def brightness_table(factor: Tensor) -> Tensor:
    """Values blended with black; ``factor`` (n,) float32, 1 leaves the image as it is."""
    values = identity_table(len(factor), factor.device).float()
    return _blend(torch.zeros_like(values), values, factor.view(-1, 1, 1))


def contrast_table(images: Tensor, factor: Tensor) -> Tensor:
    """Values blended with the mean grey of their image; ``factor`` as above."""
    mean = (grey(images).flatten(1).double().mean(1) + 0.5).floor_().float()
    values = identity_table(len(images), images.device).float()
    return _blend(mean.view(-1, 1, 1).expand_as(values), values, factor.view(-1, 1, 1))


def colour(images: Tensor, factor: Tensor) -> Tensor:
    """Pixels blended with their grey; ``factor`` (n,) float32, 0 is grey, 1 the image as it is."""
    return _blend(grey(images).unsqueeze(1).float(), images.float(), factor.view(-1, 1, 1, 1))


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Pixels blended with a smoothed image, whose border is the image's; ``factor`` (n,) float32, 0 is smooth."""
    wide = images.int()
    smooth = images.float()
    total = 4 * wide[..., 1:-1, 1:-1]  # the centre counts five times, its neighbours once
    for down in range(3):
        for right in range(3):
            total = total + wide[..., down : down + wide.shape[2] - 2, right : right + wide.shape[3] - 2]
    smooth[..., 1:-1, 1:-1] = ((2 * total + 13) // 26).float()  # rounded; a sum over 13 never lies half-way
    return _blend(smooth, images.float(), factor.view(-1, 1, 1, 1))


def grey(images: Tensor) -> Tensor:
    """int32 (n, h, w): luma after ITU-R 601-2, in Pillow's fixed point."""
    red, green, blue = images.int().unbind(1)
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16


def _blend(one: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """``one`` at factor 0, ``other`` at 1, beyond that extrapolated; in float32 and truncated, as Pillow does."""
    return (one + factor * (other - one)).clamp_(0, 255).to(torch.uint8)
