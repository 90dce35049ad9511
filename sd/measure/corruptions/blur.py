"""Blur: out of focus, through frosted glass, by motion, by zooming in, and Gaussian."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sd.measure.corruptions import separable
from sd.measure.corruptions.draws import Draws


def gaussian_blur(x: Tensor, severity: int, _: Draws) -> Tensor:
    """Smoothing by a Gaussian; the border pixels go on beyond the edge."""
    sigma = (0.4, 0.6, 0.7, 0.8, 1.0)[severity - 1]
    return _smoothed(x, sigma).clamp_(0, 1).mul_(255)


def defocus_blur(x: Tensor, severity: int, _: Draws) -> Tensor:
    """The mean over a disk of pixels whose edge is smoothed; mirrored at the centre of the border pixels."""
    radius, alias_blur = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))[severity - 1]
    kernel = torch.from_numpy(disk(radius, alias_blur)).to(x.device)
    reach = len(kernel) // 2
    padded = F.pad(x.flatten(0, 1).unsqueeze(1), [reach] * 4, mode="reflect")
    return F.conv2d(padded, kernel[None, None]).view_as(x).clamp_(0, 1).mul_(255)


def disk(radius: float, alias_blur: float) -> separable.Matrix:
    """The pixels within ``radius``, of weight 1 in all, smoothed by a Gaussian of 3×3 pixels: float64, 5×5."""
    at = np.arange(-2, 3)
    inside = (at[:, None] ** 2 + at**2 <= radius**2).astype(float)
    tap = np.exp(-(np.arange(-1, 2) ** 2) / (2 * alias_blur**2))
    tap /= tap.sum()
    smooth = sum(weight * np.eye(5, k=offset) for offset, weight in zip((-1, 0, 1), tap, strict=True))
    smoothed: separable.Matrix = smooth @ (inside / inside.sum()) @ smooth.T
    return smoothed


def glass_blur(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Smoothed; then each pixel, of all but the first two rows and columns, takes the value of itself or a neighbour
    above, to the left, or both, at random; and smoothed again.

    The published code means to exchange the two pixels, but assigns numpy's views to each other, so that both end with
    the neighbour's value. It goes from the last row and column to the first, so that value is the one from before the
    pass. Its files are made so, and these images, too.
    """
    sigma, passes = ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))[severity - 1]
    side = x.shape[-1]
    x = (_smoothed(x, sigma) * 255).floor_()
    back = (draws.uniform(passes, 2, side, side) < 0.5).long()
    back[..., :2, :] = 0
    back[..., :2] = 0
    at = torch.arange(side, device=x.device)
    for one in back.unbind(1):
        x = _gathered(x, at[:, None] - one[:, 0], at - one[:, 1])
    return _smoothed(x / 255, sigma).clamp_(0, 1).mul_(255)


def motion_blur(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """The mean of half a Gaussian along a line at an angle of −45° to 45°, in whole steps of pixels.

    ImageMagick's ``MotionBlurImage`` (``magick/effect.c``): 2·radius + 1 steps, each rounded to the next pixel, border
    pixels going on beyond the edge, and the result rounded.
    """
    radius, sigma = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))[severity - 1]
    steps = torch.arange(2 * radius + 1, dtype=torch.float64, device=x.device)
    weights = torch.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    angle = torch.deg2rad(draws.uniform(1) * 90 - 45)
    rights, downs = ((steps * part - 0.5).ceil_().long() for part in (angle.cos(), angle.sin()))
    at = torch.arange(x.shape[-1], device=x.device)
    blurred = torch.zeros_like(x)
    for step, weight in enumerate(weights):
        down, right = downs[:, step].view(-1, 1, 1), rights[:, step].view(-1, 1, 1)
        blurred += weight * _gathered(x, at[:, None] + down, at + right)
    return (blurred * 255).round_()


def zoom_blur(x: Tensor, severity: int, _: Draws) -> Tensor:
    """The mean of the image, once more than the others, and of its middle enlarged by 1, 1.01, 1.02, …"""
    last = (1.06, 1.11, 1.16, 1.21, 1.26)[severity - 1]
    factors = np.arange(1, last, 0.01)  # as published: rounding errors let 1.06 itself in
    total = x.clone()
    for factor in factors.tolist():
        total += separable.apply(separable.zoom(x.shape[-1], factor), x)
    return (total / (len(factors) + 1)).clamp_(0, 1).mul_(255)


def _smoothed(x: Tensor, sigma: float) -> Tensor:
    return separable.apply(separable.gaussian(x.shape[-1], sigma, 4.0, "nearest"), x)


def _gathered(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """The pixels at these rows and columns, both broadcast to (n, side, side) and kept within the image."""
    side = x.shape[-1]
    places = down.clamp(0, side - 1) * side + right.clamp(0, side - 1)
    return x.flatten(2).gather(2, places.flatten(1)[:, None].expand(-1, x.shape[1], -1)).view_as(x)
