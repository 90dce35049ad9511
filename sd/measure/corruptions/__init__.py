"""CIFAR-10-C's corruptions (Hendrycks & Dietterich 2019), computed on the device, of whole batches.

Each is defined by ``ImageNet-C/create_c/make_cifar_c.py`` of hendrycks/robustness, whose severities are for images of
32×32 pixels: lengths in pixels are used as they stand at any size. Left out are its weather (snow, frost, fog; frost
needs photographs) and spatter. They differ from the published files in nothing but the random numbers drawn.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sd.measure.corruptions import blur, colour, geometry, noise
from sd.measure.corruptions.draws import Draws
from sd.plan.shifts import Corruption

FUNCTIONS: dict[Corruption, Callable[[Tensor, int, Draws], Tensor]] = {
    "gaussian_noise": noise.gaussian_noise,
    "shot_noise": noise.shot_noise,
    "impulse_noise": noise.impulse_noise,
    "speckle_noise": noise.speckle_noise,
    "defocus_blur": blur.defocus_blur,
    "glass_blur": blur.glass_blur,
    "motion_blur": blur.motion_blur,
    "zoom_blur": blur.zoom_blur,
    "gaussian_blur": blur.gaussian_blur,
    "brightness": colour.brightness,
    "contrast": colour.contrast,
    "saturate": colour.saturate,
    "elastic_transform": geometry.elastic_transform,
    "pixelate": geometry.pixelate,
    "jpeg_compression": geometry.jpeg_compression,
}
"""Each takes float64 images in [0, 1], (n, 3, h, w), a severity and what draws at random; and gives values of [0, 255],
which may go beyond and are not yet whole."""


def corrupt(images: Tensor, name: Corruption, severity: int, *, rows: Tensor, seed: int = 0) -> Tensor:
    """The images, corrupted: uint8, as they are.

    Computed in float64 and cut off to whole numbers, not rounded, as the published files were. What is drawn at random
    for an image is a function of (seed, name, severity, its row) on one kind of device, whatever it is batched with.

    Args:
        images: uint8, or floating point in [0, 1], (n, 3, side, side).
        severity: 1 to 5.
        rows: int64 (n,), on the CPU: which image of its data set each one is.

    Raises:
        KeyError: there is no such corruption.
        ValueError: the severity is none, there are not as many rows as images, or the images are not square.
    """
    if severity not in range(1, 6):
        raise ValueError(f"severity {severity} is not defined; give 1 to 5")
    if len(rows) != len(images):
        raise ValueError(f"{len(rows)} rows for {len(images)} images; give one for each")
    if images.shape[-1] != images.shape[-2]:
        height, width = images.shape[-2:]
        raise ValueError(f"corruptions are defined for square images, and these are {height}×{width}; leave them out")
    x = images.double() if images.is_floating_point() else images.double() / 255
    draws = Draws(images.device, seed, name, severity, tuple(rows.tolist()))
    return FUNCTIONS[name](x, severity, draws).clamp_(0, 255).to(torch.uint8)
