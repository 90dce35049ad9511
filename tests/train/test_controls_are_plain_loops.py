"""A student trained by a control ends where an ordinary loop over its definition ends.

The loop shares with the trainer the initial weights, the order of images, the draws and torch's own layers, optimizer
and losses; what each control teaches is written out, image by image, as its name is understood in the literature.
"""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.plan.cell import Cell, Method
from sd.plan.recipe import RECIPES
from sd.train.checkpoint import load as load_checkpoint
from sd.train.datasets import Dataset, load, with_label_noise
from sd.train.models import build
from sd.train.randomness import generator
from sd.train.teacher import Teacher
from sd.train.trainer import Control, train

CPU = torch.device("cpu")
ALPHA, TAU, SIZE, EPOCHS, N = 0.3, 2.0, 96, 3, 350
STEPS = math.ceil(N / SIZE)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """With wrong labels among them, so that it matters that those are meant which are trained on."""
    torch.set_num_threads(1)
    whole = load("digits")
    part = replace(whole, train_images=whole.train_images[:N], train_labels=whole.train_labels[:N])
    return with_label_noise(part, 0.2, 5)


def student(method: Method, aug: str) -> Cell:
    recipe = RECIPES["digits"].model_copy(update={"epochs": EPOCHS, "batch_size": SIZE, "clip_norm": None})
    recipe = recipe.model_copy(update={"learning_rate": 0.005})
    first = Cell("resnet8", "digits", aug, 0.2, "digits", recipe, "sgd", 0, 5)
    taught = replace(first, round=1, alpha=ALPHA, tau=TAU, teacher_checkpoint="last", teacher=first)
    return replace(taught, method=method)


def some_teacher(data: Dataset) -> nn.Module:
    """With batch-norm statistics of its own, and answers that differ from image to image."""
    model = build("resnet8", 10, seed=99).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for start in [0, 100, 200] * 8:
        rows = slice(start, start + 100)
        F.cross_entropy(model(data.normalise(data.train_images[rows])), data.train_labels[rows]).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval().requires_grad_(False)


def epsilon_by_search(teacher: nn.Module, data: Dataset) -> float:
    """The smoothing whose entropy is the teacher's mean, found on a grid that is refined about its best point."""
    p = (teacher(data.normalise(data.train_images)).double() / TAU).softmax(1)
    wanted = -(p * p.log()).sum(1).mean()
    low, high = 1e-9, 1.0
    for _ in range(12):
        grid = torch.linspace(low, high, 101, dtype=torch.float64)
        smooth = (1 - grid)[:, None] * F.one_hot(torch.tensor(0), 10) + grid[:, None] / 10
        best = int((-(smooth * smooth.log()).sum(1) - wanted).abs().argmin())
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 100)])
    return (low + high) / 2


def plain_loop(cell: Cell, data: Dataset, teacher: nn.Module) -> dict[str, Tensor]:
    model = build("resnet8", 10, seed=5, round_=1).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9, weight_decay=3e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    epsilon = epsilon_by_search(teacher, data)
    for epoch in range(EPOCHS):
        order = torch.randperm(N, generator=generator(CPU, 5, "order", 1, epoch))
        for step, rows in enumerate(order.split(SIZE)):
            x, labels, alpha = data.normalise(data.train_images[rows]), data.train_labels[rows], ALPHA
            p = (teacher(x) / TAU).softmax(1)
            if cell.method == "label_smoothing":
                p = (1 - epsilon) * F.one_hot(labels, 10).float() + epsilon / 10
            elif cell.method == "permuted":
                mixed = torch.randperm(len(rows), generator=generator(CPU, 5, "permute", 1, epoch, step)).tolist()
                others = p.clone()
                for label in range(10):
                    members = [image for image in mixed if labels[image] == label]
                    for image, other in zip(members, members[1:] + members[:1], strict=True):
                        others[image] = p[other]
                p = others
            elif cell.method == "annealed":
                alpha = ALPHA + (1 - ALPHA) * (epoch * STEPS + step) / (EPOCHS * STEPS - 1)
            z = model(x)
            soft = F.kl_div(F.log_softmax(z / TAU, 1), p, reduction="batchmean")
            loss = alpha * F.cross_entropy(z, labels) + (1 - alpha) * TAU**2 * soft
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return model.state_dict()


def trained(cell: Cell, data: Dataset, teacher: nn.Module, folder: Path) -> dict[str, Tensor]:
    train(cell, data, teacher, folder=folder, device=CPU, control=Control())
    found: dict[str, Tensor] = load_checkpoint(next(folder.glob("last-*.pt")), CPU)["model"]
    return found


def apart(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """How far two ends are from each other, as a fraction of the way from the start; parameters alone."""
    start = build("resnet8", 10, seed=5, round_=1).state_dict()
    names = [name for name, _ in build("resnet8", 10).named_parameters()]
    between, way = (sum(float(((a[n] - x[n]).double() ** 2).sum()) for n in names) ** 0.5 for x in (b, start))
    return between / way


@pytest.mark.parametrize("method", ["distillation", "label_smoothing", "permuted", "annealed"])
def test_a_control_equals_its_plain_loop(method: Method, data: Dataset, tmp_path: Path) -> None:
    cell, teacher = student(method, "none"), some_teacher(data)
    assert apart(trained(cell, data, teacher, tmp_path), plain_loop(cell, data, teacher)) < 1e-4


@pytest.mark.parametrize("method", ["label_smoothing", "permuted", "annealed"])
def test_the_comparison_would_show_another_method(method: Method, data: Dataset, tmp_path: Path) -> None:
    teacher = some_teacher(data)
    found = trained(student(method, "none"), data, teacher, tmp_path)
    assert apart(found, plain_loop(student("distillation", "none"), data, teacher)) > 1e-2


def test_where_views_are_random_the_answers_that_are_exchanged_are_those_of_the_views(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each image's target is what the teacher says of the view that another image of its class has in the same step."""
    seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def listen(student: Tensor, teacher: Tensor, labels: Tensor, **_: float) -> Tensor:
        seen.append((views[-1], teacher, labels))
        return student.sum() * 0

    def answer(asked: Teacher, images: Tensor, rows: Tensor) -> Tensor:
        views.append(images)
        return real(asked, images, rows)

    views: list[Tensor] = []
    real = Teacher.logits
    monkeypatch.setattr(Teacher, "logits", answer)
    monkeypatch.setattr("sd.train.step.distillation", listen)
    teacher = some_teacher(data)
    train(student("permuted", "std"), data, teacher, folder=tmp_path, device=CPU, control=Control())
    assert len(seen) == EPOCHS * STEPS
    for images, given, labels in seen:
        answers = teacher(images)
        nearest = torch.cdist(given, answers).argmin(1)
        assert torch.allclose(answers[nearest], given, atol=1e-4)
        assert torch.equal(labels[nearest], labels)
        alone = torch.bincount(labels, minlength=10)[labels] == 1
        assert torch.equal(nearest == torch.arange(len(labels)), alone)
