"""Noise in each value of each channel: Gaussian, shot, impulse and speckle."""

import torch
from torch import Tensor

from sd.measure.corruptions.draws import Draws


def gaussian_noise(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Normal noise is added."""
    deviation = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    return (x + deviation * draws.normal(*x.shape[1:])).clamp_(0, 1).mul_(255)


def shot_noise(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Each value is a count of photons: Poisson, of a mean of so many at 1."""
    photons = (500, 250, 100, 75, 50)[severity - 1]
    return (draws.poisson(x * photons) / photons).clamp_(0, 1).mul_(255)


def impulse_noise(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """A fraction of the values becomes 0 or 1, as likely as each other."""
    amount = (0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1]
    hit, extreme = draws.uniform(2, *x.shape[1:]).unbind(1)
    return torch.where(hit < amount, (extreme < 0.5).double(), x).mul_(255)


def speckle_noise(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """Normal noise in proportion to the value is added."""
    deviation = (0.06, 0.10, 0.12, 0.16, 0.20)[severity - 1]
    return (x + x * deviation * draws.normal(*x.shape[1:])).clamp_(0, 1).mul_(255)
