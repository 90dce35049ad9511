"""What a student is taught: by plain distillation, and by the controls that ask what of a teacher's answers it needs.

Every method keeps the loss of Section 3, L = α·CE + (1−α)·τ²·KL(p ‖ σ(z_s/τ)), and changes p or α alone:

- ``distillation``: p = σ(z_t/τ), of the teacher's logits z_t for the same view;
- ``label_smoothing``: p = (1−ε)·onehot + ε/K, with one ε for the run, at which the entropy of p is the mean entropy of
  the teacher's σ(z_t/τ): as soft as its answers, and without anything that it knows;
- ``permuted``: p is the teacher's for another image of the same class: what it knows of a class, not of an image;
- ``annealed``: p is the teacher's, and α rises to 1 (Clark et al. 2019, "BAM!", teacher annealing).
"""

import math
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from sd.plan.cell import Cell
from sd.train.datasets import Dataset
from sd.train.randomness import generator
from sd.train.teacher import Teacher

_CPU = torch.device("cpu")

_SMALLEST = 1e-300
"""Of the ε that are looked for: smaller ones, divided by the number of classes, are no normal numbers."""


@dataclass(frozen=True)
class Target:
    """What a student is taught on one batch.

    Attributes:
        logits: (n, classes); divided by the cell's temperature, they are those of p.
        alpha: weight of the labels.
    """

    logits: Tensor
    alpha: float


@dataclass(frozen=True)
class Lesson:
    """The targets of one run, each a function of its batch and its place in the run.

    Attributes:
        steps: number of steps of an epoch.
        facts: what the method found before the first step, for the record.
    """

    cell: Cell
    teacher: Teacher
    classes: int
    steps: int
    facts: dict[str, float] = field(default_factory=dict)

    def __call__(self, images: Tensor, rows: Tensor, labels: Tensor, *, epoch: int, step: int) -> Target:
        """The target of step ``step`` of ``epoch``, both counted from 0.

        Args:
            images: float32 (n, 3, h, w), normalised, as the student sees them.
            rows: int64 (n,), their places in the training set.
            labels: int64 (n,), those that are trained on.
        """
        alpha, tau, method = _given(self.cell.alpha), _given(self.cell.tau), self.cell.method
        if method == "label_smoothing":
            return Target(smoothed(labels, self.classes, epsilon=self.facts["epsilon"], tau=tau), alpha)
        answers = self.teacher.logits(images, rows)
        if method == "permuted":
            draws = generator(_CPU, self.cell.seed, "permute", self.cell.round, epoch, step)
            answers = answers[exchanged(labels, draws)]
        if method == "annealed":
            alpha = annealed(alpha, epoch * self.steps + step, self.cell.recipe.epochs * self.steps)
        return Target(answers, alpha)


def new_lesson(cell: Cell, teacher: Teacher, data: Dataset, rows: Tensor) -> Lesson:
    """What ``teacher`` teaches the student ``cell``.

    Whatever is found here is found again, to the same bits on a CPU, by a run that goes on.

    Args:
        rows: int64, on the CPU: the images that are trained on.
    """
    size = cell.recipe.batch_size
    lesson = partial(Lesson, cell, teacher, data.classes, math.ceil(len(rows) / size))
    if cell.asks:
        teacher.remember(data, cell.aug)
    if cell.method == "label_smoothing":
        tau = _given(cell.tau)
        mean = float(teacher.over(data, rows, lambda answers: entropies(answers, tau=tau)).mean())
        return lesson({"entropy": mean, "epsilon": epsilon_of(mean, data.classes)})
    if cell.method == "permuted":
        return lesson({"alone": share_alone(data.train_labels.cpu()[rows], size)})
    return lesson()


def smoothed(labels: Tensor, classes: int, *, epsilon: float, tau: float) -> Tensor:
    """Logits whose softmax at temperature ``tau`` is (1−ε)·onehot + ε/K; float32 (n, classes)."""
    off = tau * math.log(epsilon / classes)
    on = tau * math.log1p(-epsilon * (1 - 1 / classes))
    return torch.full((len(labels), classes), off, device=labels.device).scatter_(1, labels[:, None], on)


def entropies(logits: Tensor, *, tau: float) -> Tensor:
    """Entropy of σ(z/τ) of each row, in nats; (n, classes) to float64 (n,)."""
    log_p = F.log_softmax(logits.double() / tau, dim=1)
    return -(log_p.exp() * log_p).sum(dim=1)


def entropy_of(epsilon: float, classes: int) -> float:
    """Entropy of (1−ε)·onehot + ε/K in nats, for ε in [0, 1].

    With a = ε·(K−1)/K off the label it is H = −(1−a)·log(1−a) − a·log(a/(K−1)), and dH/da = log((K−1)·(1−a)/a) is
    positive for a < (K−1)/K: H rises from 0 at ε = 0 to log K at ε = 1, so each entropy has one ε.
    """
    off = epsilon * (classes - 1) / classes
    return -(1 - off) * math.log1p(-off) - off * math.log(epsilon / classes) if epsilon else 0.0


def epsilon_of(entropy: float, classes: int) -> float:
    """The ε in (0, 1] with this entropy, to the last bit of float64 by bisection; never 0: its logarithm is wanted."""
    low, high = _SMALLEST, 1.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if entropy_of(middle, classes) < entropy else (low, middle)
    return high


def exchanged(labels: Tensor, draws: torch.Generator) -> Tensor:
    """For each image of a batch another one of its class, int64 (n,); one that is alone in its class keeps its own.

    Each class is put into a random order, in which every image is given the next and the last the first: a cycle drawn
    from all of them alike, so that the other is uniform over the rest of the class, and each is given away once. The
    draws are made on the CPU and nothing waits for the device of ``labels``.
    """
    mixed = torch.randperm(len(labels), generator=draws).to(labels.device, non_blocking=True)
    order = mixed[torch.argsort(labels[mixed], stable=True)]
    classes = labels[order]
    first = torch.searchsorted(classes, classes)
    last = torch.searchsorted(classes, classes, right=True) - 1
    place = torch.arange(len(labels), device=labels.device)
    return torch.empty_like(order).scatter_(0, order, order[torch.where(place == last, first, place + 1)])


def share_alone(labels: Tensor, size: int) -> float:
    """The share of images that are the only one of their class in their batch, as an epoch in batches of ``size`` has
    it in the mean.

    Of n images, m are of a class. One of these has none of the m−1 others among the s−1 companions that it draws from
    n−1 with probability C(n−m, s−1) / C(n−1, s−1). The last batch of an epoch may be smaller.
    """
    n = len(labels)
    total = 0.0
    for s, images in ((size, n - n % size), (n % size, n % size)):
        drawn = torch.arange(s - 1, dtype=torch.float64) if images else torch.empty(0)
        for m in labels.unique(return_counts=True)[1].tolist():
            total += images / n * m / n * float(((n - m - drawn).clamp(min=0) / (n - 1 - drawn)).prod())
    return total


def annealed(alpha: float, step: int, steps: int) -> float:
    """α at ``step`` of ``steps``, counted from 0: linear, from ``alpha`` at the first to 1 at the last."""
    return alpha + (1 - alpha) * step / max(steps - 1, 1)


def _given(value: float | None) -> float:
    assert value is not None, "a student has alpha and tau"
    return value
