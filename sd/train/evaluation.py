"""Evaluation of a model on labelled images."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.train.datasets import Dataset


@dataclass(frozen=True)
class Evaluation:
    """What a model scores on a set of images.

    Attributes:
        top1, top5: accuracy in percent (top5 over at most as many classes as there are).
        loss: mean cross-entropy, in nats.
        n: number of images.
    """

    top1: float
    top5: float
    loss: float
    n: int


@torch.inference_mode()
def evaluate(model: nn.Module, data: Dataset, split: str, *, batch_size: int = 500) -> Evaluation:
    """Score ``model`` on ``"train"`` or ``"test"``, in eval mode, without augmentation, in float32; restores its mode.

    Sums are taken on the device and read once, at the end.
    """
    images, labels = data.split(split)
    was_training = model.training
    model.eval()
    sums = torch.zeros(3, dtype=torch.float64, device=labels.device)
    for start in range(0, len(labels), batch_size):
        target = labels[start : start + batch_size]
        logits = model(data.normalise(images[start : start + batch_size])).float()
        sums += _sums(logits, target)
    model.train(was_training)
    n = len(labels)
    top1, top5, loss = (sums / n).tolist()
    return Evaluation(top1=100 * top1, top5=100 * top5, loss=loss, n=n)


def _sums(logits: Tensor, target: Tensor) -> Tensor:
    """Number right at rank 1, number right within the first five, and summed cross-entropy of a batch."""
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices
    hit = best == target[:, None]
    loss = F.cross_entropy(logits, target, reduction="sum")
    return torch.stack([hit[:, 0].sum(), hit.sum(), loss]).double()
