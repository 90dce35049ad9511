"""Images as they are stored, made into what a model takes: zero mean and unit variance a channel."""

from collections.abc import Sequence
from functools import cache
from math import isfinite

import torch
from torch import Tensor

Channels = tuple[float, ...]
"""A number for each channel."""

CLIP: tuple[Channels, Channels] = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)
"""Mean and deviation of CLIP's own preprocessing (``clip/clip.py`` of openai/CLIP)."""


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Images less ``mean``, over ``std``: float32, channels last in memory.

    Args:
        images: (n, c, h, w), uint8 or floating point in [0, 1]; left as they are.
        mean, std: by channel, of images scaled to [0, 1].

    Raises:
        ValueError: one of them is not finite, or a deviation is not above 0.
    """
    channels = tuple(map(float, mean)), tuple(map(float, std))
    if not all(map(isfinite, channels[0])) or not all(isfinite(s) and s > 0 for s in channels[1]):
        raise ValueError(f"mean {channels[0]} and std {channels[1]} cannot normalise; give finite numbers, std above 0")
    gain, shift = _constants(*channels, images.dtype == torch.uint8, images.device)
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
