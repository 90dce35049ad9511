"""The fixed part of a split on which a measure is taken, the same for every model."""

import hashlib

import torch
from torch import Tensor

from sd.train.randomness import generator


def stratified(labels: Tensor, samples: int) -> Tensor:
    """Indices of a class-balanced subset: sorted int64, (min(samples, n),), the same whenever the labels are the same.

    Each class gets ``samples / classes`` images, and the first classes one more where that is no whole number, as far
    as it has as many; classes that have fewer leave their share to the others.
    """
    if samples >= len(labels):
        return torch.arange(len(labels))
    labels = labels.cpu()
    order = torch.randperm(len(labels), generator=generator(torch.device("cpu"), 0, "subset", len(labels)))
    ranked = torch.empty(len(labels), dtype=torch.long)
    for label in labels.unique():
        members = order[labels[order] == label]
        ranked[members] = torch.arange(len(members))
    chosen = torch.argsort(ranked * (int(labels.max()) + 1) + labels, stable=True)[:samples]
    return chosen.sort().values


def fingerprint(indices: Tensor) -> str:
    """SHA-256 of the indices as little-endian int64."""
    return hashlib.sha256(indices.cpu().numpy().astype("<i8").tobytes()).hexdigest()
