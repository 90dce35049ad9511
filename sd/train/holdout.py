"""The part of a training set that is held out, to choose the checkpoint ``best_val``."""

import torch
from torch import Tensor

from sd import BadInput
from sd.train.randomness import generator


def hold_out(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Sorted indices of what is trained on and of what is held out: int64, on the CPU, together each image once.

    Of each class as it is labelled, ``fraction`` is held out, rounded. Which images is a function of ``seed`` alone, so
    that all cells of a chain hold out the same ones and no student is trained on what its teacher was chosen by.

    Raises:
        BadInput: nothing would be held out, or nothing left.
    """
    labels = labels.cpu()
    if not fraction:
        return torch.arange(len(labels)), torch.empty(0, dtype=torch.long)
    order = torch.randperm(len(labels), generator=generator(torch.device("cpu"), seed, "held out"))
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = order[labels[order] == label]
        held[members[: round(fraction * len(members))]] = True
    if not held.any() or held.all():
        what = "everything" if held.any() else "nothing"
        raise BadInput(
            f"val_fraction: {fraction:g} of {len(labels):,} images holds out {what}; give another, such as 0.1"
        )
    return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)
