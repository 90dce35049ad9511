"""The training loop: what it does to a model, and that stopping it anywhere changes nothing."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sd.plan.cell import Cell
from sd.plan.recipe import RECIPES, Recipe
from sd.train.checkpoint import load as load_checkpoint
from sd.train.datasets import Dataset, load
from sd.train.evaluation import evaluate
from sd.train.models import build
from sd.train.state import RESUME, Epoch
from sd.train.teacher import load_trained
from sd.train.trainer import Control, Diverged, Saved, Stopped, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data() -> Dataset:
    torch.set_num_threads(1)
    return load("digits")


def cell(epochs: int = 2, **changes: object) -> Cell:
    recipe = RECIPES["digits"].model_copy(update={"epochs": epochs, **changes})
    return Cell("resnet8", "digits", "crop", 0.0, "digits", recipe, "sgd", 0, 0)


def taught_by(teacher: Cell) -> Cell:
    return replace(teacher, round=1, alpha=0.5, tau=4.0, teacher_checkpoint="best_test", teacher=teacher)


def run(
    what: Cell, data: Dataset, folder: Path, teacher: torch.nn.Module | None = None, control: Control | None = None
) -> tuple[list[Epoch], dict[str, Saved]]:
    trained = train(what, data, teacher, folder=folder, device=CPU, control=control or Control())
    return trained.history, trained.saved


def without_seconds(history: list[Epoch]) -> list[Epoch]:
    return [replace(epoch, seconds=0.0) for epoch in history]


@pytest.mark.parametrize("kind", ["sgd", "sam", "student", "bf16"])
def test_stopped_at_any_step_and_resumed_equals_never_stopped(kind: str, data: Dataset, tmp_path: Path) -> None:
    """Stopped after 1, 5, 11 (an epoch's end) and 17 of 22 steps: in the middle of both epochs."""
    what, teacher = cell(), None
    if kind == "sam":
        what = replace(what, optimizer="sam")
    if kind == "bf16":
        what = cell(precision="bf16")
    if kind == "student":
        _, saved = run(what, data, tmp_path / "teacher")
        teacher = load_trained(what, next(tmp_path.glob("teacher/best_test-*.pt")), saved["best_test"].sha256, 10, CPU)
        what = taught_by(what)
    history, saved = run(what, data, tmp_path / "whole", teacher)
    steps = 0
    stops = {1, 5, 11, 17}

    def should_stop() -> bool:
        nonlocal steps
        if steps in stops:
            stops.remove(steps)
            return True
        steps += 1
        return False

    pieces = 0
    while True:
        try:
            resumed = run(what, data, tmp_path / "pieces", teacher, Control(should_stop=should_stop, save_every=0))
            break
        except Stopped:
            pieces += 1
            assert (tmp_path / "pieces" / RESUME).exists()
    assert pieces == 4
    assert without_seconds(resumed[0]) == without_seconds(history)
    assert resumed[1] == saved  # the checkpoints' hashes


def test_a_damaged_or_foreign_state_is_not_resumed_from(data: Dataset, tmp_path: Path) -> None:
    history, saved = run(cell(), data, tmp_path / "whole")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / RESUME).write_bytes(b"half a file")
    again = run(cell(), data, tmp_path / "other")
    assert again[1] == saved and without_seconds(again[0]) == without_seconds(history)


def test_the_teacher_stays_as_it_is_and_in_eval_mode(data: Dataset, tmp_path: Path) -> None:
    teacher = build("resnet8", 10).eval().requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    run(taught_by(cell(1)), data, tmp_path, teacher)
    assert not teacher.training
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_best_test_is_the_first_epoch_with_the_highest_test_accuracy(data: Dataset, tmp_path: Path) -> None:
    history, saved = run(cell(6), data, tmp_path)
    scores = [epoch.test_top1 for epoch in history]
    assert saved["best_test"].epoch == scores.index(max(scores)) + 1
    assert saved["last"].epoch == 6
    for name, checkpoint in saved.items():
        content = load_checkpoint(next(tmp_path.glob(f"{name}-*.pt")), CPU, sha256=checkpoint.sha256)
        model = build("resnet8", 10)
        model.load_state_dict(content["model"])
        assert evaluate(model, *data.split("test"), mean=data.mean, std=data.std).top1 == scores[checkpoint.epoch - 1]


def test_the_last_smaller_batch_is_kept(data: Dataset, tmp_path: Path) -> None:
    """1,000 images in batches of 96 are 11 steps (spec H30), which batch norm has counted."""
    run(cell(1), data, tmp_path)
    assert int(load_checkpoint(next(tmp_path.glob("last-*.pt")), CPU)["model"]["bn1.num_batches_tracked"]) == 11


def test_training_that_diverges_says_so(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="in epoch 1; a lower learning_rate"):
        run(cell(1, learning_rate=1e38), data, tmp_path)


def test_training_learns(data: Dataset, tmp_path: Path) -> None:
    history, _ = run(cell(8), data, tmp_path)
    assert history[-1].test_top1 > 70 > history[0].test_top1
    assert history[-1].train_loss < history[0].train_loss


@pytest.mark.parametrize("recipe", [RECIPES["appendix_a"], RECIPES["li2018"]], ids=["cosine", "step"])
def test_the_learning_rate_is_torchs_schedule_stepped_once_an_epoch(recipe: Recipe) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=recipe.learning_rate)
    schedule: torch.optim.lr_scheduler.LRScheduler
    if recipe.schedule == "cosine":
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs)
    else:
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(recipe.milestones), recipe.gamma or 1)
    for epoch in range(recipe.epochs):
        assert recipe.learning_rate_at(epoch) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6, abs=1e-12)
        optimizer.step()
        schedule.step()


def test_an_evaluation_is_a_plain_loop_over_images(data: Dataset) -> None:
    model = build("resnet8", 10, seed=4)
    found = evaluate(model, *data.split("test"), mean=data.mean, std=data.std, batch_size=300)
    assert model.training
    model.eval()
    right = right5 = 0
    losses = []
    with torch.no_grad():
        for image, label in zip(data.test_images, data.test_labels, strict=True):
            logits = model(data.normalise(image[None]))[0].double()
            right += int(logits.argmax() == label)
            right5 += int((logits > logits[label]).sum() < 5)
            losses.append(float(logits.logsumexp(0) - logits[label]))
    assert (found.top1, found.top5) == pytest.approx((100 * right / 797, 100 * right5 / 797))
    assert found.loss == pytest.approx(sum(losses) / 797, rel=1e-5)
    assert found.n == 797


@pytest.mark.cifar10
def test_resnet20_trains_a_few_steps_on_real_cifar10(tmp_path: Path) -> None:
    if not os.environ.get("SD_DATA"):
        pytest.skip("SD_DATA is not set")
    real = load("cifar10")
    assert real.train_images.shape == (50_000, 3, 32, 32) and torch.bincount(real.test_labels).tolist() == [1000] * 10
    means = (real.train_images.double() / 255).mean((0, 2, 3)).tolist()
    assert means == pytest.approx(real.mean, abs=1e-4)
    few = replace(real, train_images=real.train_images[:960], train_labels=real.train_labels[:960])
    few = replace(few, test_images=real.test_images[:500], test_labels=real.test_labels[:500])
    recipe = RECIPES["appendix_a"].model_copy(update={"epochs": 2})
    what = Cell("resnet20", "cifar10", "std", 0.0, "appendix_a", recipe, "sgd", 0, 0)
    history, saved = run(what, few, tmp_path)
    assert history[1].train_loss < history[0].train_loss < 3
    assert history[1].test_top1 > 15 and set(saved) == {"best_test", "last"}
