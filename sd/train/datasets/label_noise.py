"""Wrong labels on purpose: a fraction of a training set's labels replaced by another class."""

from dataclasses import replace

import torch

from sd.train.datasets.dataset import Dataset
from sd.train.randomness import generator


def with_label_noise(data: Dataset, fraction: float, seed: int) -> Dataset:
    """``data`` with ``fraction`` of the training labels replaced, each by another class drawn uniformly.

    Symmetric noise that never hits the true class: exactly ``round(fraction · n)`` labels are wrong afterwards. Which
    ones depends on ``seed`` alone, so that all cells of a chain, teacher and students, see the same labels.
    """
    if not fraction:
        return data
    n = len(data.train_labels)
    draws = generator(torch.device("cpu"), seed, "label noise")
    chosen = torch.randperm(n, generator=draws)[: round(fraction * n)]
    shift = torch.randint(1, data.classes, (len(chosen),), generator=draws)
    labels = data.train_labels.clone()
    labels[chosen] = (labels[chosen] + shift) % data.classes
    return replace(data, train_labels=labels)
