"""The trainer computes what a plain loop over steps and parameters computes, for SGD, SAM and a student.

The loop below shares with the trainer only the initial weights, the random draws and the data; optimizer, schedule,
clipping, loss, SAM and the order of things are written out, as in torch's documentation of SGD, Foret et al. 2021,
Algorithm 1, and Section 3 of the paper. It would show a teacher that sees another view than its student, a momentum
that is reset, a weight decay that is clipped, or batch-norm statistics that are counted twice.
"""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sd.plan.cell import Cell
from sd.plan.recipe import Recipe
from sd.train.augment import AUGMENT
from sd.train.checkpoint import load as load_checkpoint
from sd.train.datasets import Dataset, load
from sd.train.models import build
from sd.train.randomness import generator
from sd.train.trainer import Control, train

CPU = torch.device("cpu")

COSINE = Recipe(
    epochs=3,
    batch_size=96,
    learning_rate=0.005,  # at 0.02 these 12 steps make 2e-3 of a change of 1e-7 in the weights
    momentum=0.9,
    weight_decay=1e-2,
    schedule="cosine",
    clip_norm=1.0,
    sam_rho=0.05,
)
STEPS = COSINE.model_copy(
    update={"schedule": "step", "milestones": (1, 2), "gamma": 0.5, "nesterov": True, "clip_norm": None}
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    torch.set_num_threads(1)
    whole = load("digits")
    return replace(whole, train_images=whole.train_images[:350], train_labels=whole.train_labels[:350])


def chain(recipe: Recipe, optimizer: str) -> Cell:
    return Cell("resnet8", "digits", "std", 0.0, "digits", recipe, optimizer, 0, 5)  # type: ignore[arg-type]  # sgd, sam


def softmax(logits: Tensor) -> Tensor:
    powers = (logits - logits.max(dim=1, keepdim=True).values).exp()
    return powers / powers.sum(dim=1, keepdim=True)


def written_out(logits: Tensor, teacher: Tensor | None, labels: Tensor, alpha: float, tau: float) -> Tensor:
    """The mean over images of α·CE + (1−α)·τ²·KL, summed class by class."""
    hard = -softmax(logits)[torch.arange(len(labels)), labels].log().mean()
    if teacher is None:
        return hard
    p, q = softmax(teacher / tau), softmax(logits / tau)
    return alpha * hard + (1 - alpha) * tau**2 * (p * (p.log() - q.log())).sum(dim=1).mean()


def learning_rate(recipe: Recipe, epoch: int) -> float:
    if recipe.schedule == "cosine":
        return recipe.learning_rate * (1 + math.cos(math.pi * epoch / recipe.epochs)) / 2
    return recipe.learning_rate * 0.5 ** sum(epoch >= milestone for milestone in recipe.milestones)


def plain_training(cell: Cell, data: Dataset, teacher: nn.Module | None) -> tuple[dict[str, Tensor], list[float]]:
    """The weights after training, and each epoch's mean training loss."""
    recipe = cell.recipe
    model = build(cell.arch, 10, seed=cell.seed, round_=cell.round).train()
    parameters = list(model.parameters())
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    velocity: list[Tensor | None] = [None] * len(parameters)
    losses = []
    for epoch in range(recipe.epochs):
        n = len(data.train_labels)
        order = torch.randperm(n, generator=generator(CPU, cell.seed, "order", cell.round, epoch)).tolist()
        total = 0.0
        draws = generator(CPU, cell.seed, "augment", cell.round, epoch, 0)  # fewer than 1,024 images draw together
        views = AUGMENT[cell.aug].place(data.train_images[order], draws)
        for start in range(0, n, recipe.batch_size):
            rows = order[start : start + recipe.batch_size]
            view = views[start : start + recipe.batch_size]
            x = (view.float() / 255 - torch.tensor(data.mean).view(3, 1, 1)) / torch.tensor(data.std).view(3, 1, 1)
            y = data.train_labels[rows]
            with torch.no_grad():
                taught = teacher(x) if teacher else None

            def gradients(x: Tensor = x, y: Tensor = y, taught: Tensor | None = taught) -> tuple[float, list[Tensor]]:
                loss = written_out(model(x), taught, y, cell.alpha or 0, cell.tau or 1)
                return loss.item(), list(torch.autograd.grad(loss, parameters))

            loss, found = gradients()
            total += loss * len(rows)
            if cell.optimizer == "sam":
                statistics = [(m.running_mean.clone(), m.running_var.clone()) for m in norms]
                here = [p.detach().clone() for p in parameters]
                length = math.sqrt(sum(float((g.double() ** 2).sum()) for g in found))
                with torch.no_grad():
                    for p, g in zip(parameters, found, strict=True):
                        p += 0.05 * g / length
                _, found = gradients()
                with torch.no_grad():
                    for p, at in zip(parameters, here, strict=True):
                        p.copy_(at)
                    for m, (mean, variance) in zip(norms, statistics, strict=True):
                        m.running_mean.copy_(mean)
                        m.running_var.copy_(variance)
                        m.num_batches_tracked -= 1
            if recipe.clip_norm is not None:
                length = math.sqrt(sum(float((g.double() ** 2).sum()) for g in found))
                found = [g * min(1.0, recipe.clip_norm / (length + 1e-6)) for g in found]
            with torch.no_grad():
                for index, (p, g) in enumerate(zip(parameters, found, strict=True)):
                    decayed = g + recipe.weight_decay * p
                    before = velocity[index]
                    now = decayed if before is None else recipe.momentum * before + decayed
                    velocity[index] = now
                    p -= learning_rate(recipe, epoch) * (decayed + recipe.momentum * now if recipe.nesterov else now)
        losses.append(total / n)
    return model.state_dict(), losses


CASES = [
    ("sgd", COSINE, None),
    ("sgd", STEPS, None),
    ("sam", COSINE, None),
    ("sam", STEPS, None),
    ("sgd", COSINE, (0.5, 4.0)),
    ("sgd", STEPS, (0.2, 1.0)),
    ("sgd", COSINE, (0.0, 8.0)),
]


@pytest.mark.parametrize(("optimizer", "recipe", "taught"), CASES, ids=lambda value: str(value)[:12])
def test_training_equals_a_plain_loop(
    optimizer: str, recipe: Recipe, taught: tuple[float, float] | None, data: Dataset, tmp_path: Path
) -> None:
    cell, teacher = chain(recipe, optimizer), None
    if taught:
        teacher = trained_teacher(data)
        cell = replace(cell, round=1, alpha=taught[0], tau=taught[1], teacher_checkpoint="last", teacher=cell)
    history = train(cell, data, teacher, folder=tmp_path, device=CPU, control=Control()).history
    found = load_checkpoint(next(tmp_path.glob("last-*.pt")), CPU)["model"]
    expected, losses = plain_training(cell, data, teacher)
    assert [epoch.train_loss for epoch in history] == pytest.approx(losses, rel=1e-4)
    assert distance(found, expected, build("resnet8", 10, seed=cell.seed, round_=cell.round).state_dict()) < 1e-3
    assert found["bn1.num_batches_tracked"] == expected["bn1.num_batches_tracked"] == 3 * 4


def distance(found: dict[str, Tensor], expected: dict[str, Tensor], start: dict[str, Tensor]) -> float:
    """How far the two ends are from each other, as a fraction of the way from the start: weights and statistics."""

    def way(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
        return math.sqrt(sum(float(((a[n] - b[n]).double() ** 2).sum()) for n in a if "num_batches" not in n))

    return way(found, expected) / way(expected, start)


def trained_teacher(data: Dataset) -> nn.Module:
    """A network of other weights and of batch-norm statistics of its own, so that eval mode makes a difference."""
    model = build("resnet8", 10, seed=99).train()
    for start in range(0, 300, 100):
        model(data.normalise(data.train_images[start : start + 100]))
    return model.eval().requires_grad_(False)


def test_the_loop_would_show_a_teacher_in_train_mode(data: Dataset, tmp_path: Path) -> None:
    """The comparison above is sharp enough to see the mistake that Section 3 warns of."""
    cell = chain(COSINE, "sgd")
    cell = replace(cell, round=1, alpha=0.0, tau=4.0, teacher_checkpoint="last", teacher=cell)
    train(cell, data, trained_teacher(data), folder=tmp_path, device=CPU, control=Control())
    found = load_checkpoint(next(tmp_path.glob("last-*.pt")), CPU)["model"]
    expected, _ = plain_training(cell, data, trained_teacher(data).train())
    start = build("resnet8", 10, seed=cell.seed, round_=cell.round).state_dict()
    assert distance(found, expected, start) > 2e-3
