"""Evaluation of a model on labelled images: any model, any normalisation."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.train.datasets.stream import stream
from sd.train.normalisation import normalise

BINS = 15


@dataclass(frozen=True)
class Evaluation:
    """What a model scores on a set of images.

    Attributes:
        top1, top5: accuracy in percent (top5 over at most as many classes as there are).
        loss: mean cross-entropy, in nats.
        ece: expected calibration error, a fraction: |accuracy − confidence| of the largest softmax probability, the
            mean over 15 bins of equal width weighted by their size (Guo et al. 2017, eq. 3).
        brier: Σ over the classes of (softmax probability − one-hot label)², the mean over the images (Brier 1950).
        n: number of images.
    """

    top1: float
    top5: float
    loss: float
    ece: float
    brier: float
    n: int


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    batch_size: int = 1000,
    rows: Tensor | None = None,
) -> Evaluation:
    """Score ``model`` in eval mode (its mode is restored), without augmentation, at the precision of the context.

    Sums are taken on the model's device and read once, at the end.

    Args:
        images: (n, c, h, w), uint8 or floating point in [0, 1], with ``mean`` and ``std`` by channel; or floating
            point as the model takes them, with neither. On the model's device, or on the CPU and moved batch by batch.
        labels: int64 (n,).
        rows: int64 indices, on the CPU, of the images to score; all of them by default.

    Raises:
        ValueError: no images, as many labels as there are no images for, or uint8 images without ``mean`` and ``std``.
    """
    rows = torch.arange(len(labels)) if rows is None else rows
    _check(images, labels, rows, mean, std)
    device = next((tensor.device for tensor in model.parameters()), images.device)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    sums = torch.zeros(4, dtype=torch.float64, device=device)
    bins = torch.zeros(3, BINS, dtype=torch.float64, device=device)
    try:
        chosen = rows.split(batch_size)
        for batch, places in zip(stream(images, chosen, device), chosen, strict=True):
            target = labels[places.to(labels.device)].to(device)
            x = batch if mean is None or std is None else normalise(batch, mean, std)
            logits = model(x).float()
            sums += _sums(logits, target)
            bins += _calibration(logits, target)
    finally:
        for module, training in modes:
            module.training = training
    n = len(rows)
    top1, top5, loss, brier = (sums / n).tolist()
    count, confidence, right = bins
    ece = float((confidence - right).abs().sum() / count.sum())
    return Evaluation(top1=100 * top1, top5=100 * top5, loss=loss, ece=ece, brier=brier, n=n)


def _check(
    images: Tensor, labels: Tensor, rows: Tensor, mean: Sequence[float] | None, std: Sequence[float] | None
) -> None:
    if len(images) != len(labels) or not len(rows):
        raise ValueError(f"{len(images)} images and {len(labels)} labels; give one label an image, and at least one")
    if (mean is None) != (std is None):
        raise ValueError("mean and std are given together, or neither")
    if mean is None and not images.is_floating_point():
        raise ValueError(f"images of {images.dtype} need mean and std; or give them normalised, in floating point")


def _sums(logits: Tensor, target: Tensor) -> Tensor:
    """Of a batch: number right at rank 1, number right within the first five, summed cross-entropy and Brier scores."""
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices
    hit = best == target[:, None]
    loss = F.cross_entropy(logits, target, reduction="sum")
    wrong = logits.double().softmax(dim=1) - F.one_hot(target, logits.shape[1])
    return torch.stack([hit[:, 0].sum(), hit.sum(), loss, wrong.square().sum()]).double()


def _calibration(logits: Tensor, target: Tensor) -> Tensor:
    """By bin of confidence, each bin open below and closed above: images, summed confidence, number right."""
    confidence, predicted = logits.softmax(dim=1).max(dim=1)
    edges = torch.linspace(0, 1, BINS + 1, device=logits.device)[1:-1]
    of_bin = F.one_hot(torch.bucketize(confidence, edges), BINS).double()
    right = (predicted == target).double()
    return torch.stack([torch.ones_like(right), confidence.double(), right]) @ of_bin
