"""The smallest network that trains: a walk over every write must run it hundreds of times."""

from torch import nn


def linear(classes: int) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(3 * 4 * 4, classes))
