"""Images as they are stored, made into what a model takes: zero mean and unit variance a channel."""

from functools import cache

import torch
from torch import Tensor

Channels = tuple[float, ...]
"""A number for each channel."""


def normalise(images: Tensor, mean: Channels, std: Channels) -> Tensor:
    """Images less ``mean``, over ``std``: float32, channels last in memory.

    Args:
        images: (n, c, h, w), uint8 or floating point in [0, 1]; left as they are.
        mean, std: by channel, of images scaled to [0, 1].
    """
    gain, shift = _constants(mean, std, images.dtype == torch.uint8, images.device)
    scaled = images.to(torch.float32, memory_format=torch.channels_last, copy=True).mul_(gain)
    return scaled.sub_(shift)


@cache
def _constants(mean: Channels, std: Channels, of_bytes: bool, device: torch.device) -> tuple[Tensor, Tensor]:
    """What a channel is multiplied with, and what is then taken from it: made once, as a copy to a GPU waits for it."""
    top = 255 if of_bytes else 1
    with torch.inference_mode(False):  # they outlive an evaluation that asks for them first
        gain = torch.tensor([1 / (top * s) for s in std], device=device)
        shift = torch.tensor([m / s for m, s in zip(mean, std, strict=True)], device=device)
    return gain.view(1, -1, 1, 1), shift.view(1, -1, 1, 1)
