"""Changes of each pixel by itself: brightness, contrast and saturation."""

import torch
from torch import Tensor

from sd.measure.corruptions.draws import Draws


def brightness(x: Tensor, severity: int, _: Draws) -> Tensor:
    """A constant is added to the value V of HSV, the largest of the channels; black becomes grey."""
    more = (0.05, 0.10, 0.15, 0.20, 0.30)[severity - 1]
    value = x.amax(1, keepdim=True)
    brighter = (value + more).clamp(0, 1)
    return torch.where(value > 0, x / value.where(value > 0, 1.0), 1.0).mul_(brighter).mul_(255)


def contrast(x: Tensor, severity: int, _: Draws) -> Tensor:
    """The distance of each value from its channel's mean is scaled."""
    scale = (0.75, 0.50, 0.40, 0.30, 0.15)[severity - 1]
    means = x.mean((2, 3), keepdim=True)
    return ((x - means) * scale + means).clamp_(0, 1).mul_(255)


def saturate(x: Tensor, severity: int, _: Draws) -> Tensor:
    """The saturation S of HSV is scaled, and a constant is added.

    Grey has hue 0, as in scikit-image and Python's colorsys: where a constant is added (severities 4 and 5) it reddens.
    """
    scale, more = ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2))[severity - 1]
    value = x.amax(1, keepdim=True)
    spread = value - x.amin(1, keepdim=True)
    saturation = torch.where(value > 0, spread / value.where(value > 0, 1.0), 0.0)
    red = torch.tensor([0.0, 1.0, 1.0], dtype=x.dtype, device=x.device).view(1, 3, 1, 1)
    below = torch.where(spread > 0, (value - x) / spread.where(spread > 0, 1.0), red)  # 0 at the largest channel
    return (value * (1 - (saturation * scale + more).clamp_(0, 1) * below)).mul_(255)
