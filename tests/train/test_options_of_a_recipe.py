"""What a recipe can switch on does what its name says in the field: held-out part, averaging, smoothing, warm-up."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from sd import BadInput
from sd.plan.cell import Cell
from sd.plan.recipe import RECIPES, Recipe
from sd.train.checkpoint import load as load_checkpoint
from sd.train.datasets import Dataset, load
from sd.train.evaluation import evaluate
from sd.train.holdout import hold_out
from sd.train.losses import distillation
from sd.train.models import build
from sd.train.trainer import Control, Run, Trained, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data() -> Dataset:
    torch.set_num_threads(1)
    return load("digits")


def cell(**changes: object) -> Cell:
    recipe = Recipe(**(RECIPES["digits"].model_dump() | {"epochs": 4} | changes))
    return Cell("resnet8", "digits", "none", 0.0, "digits", recipe, "sgd", 0, 0)


def trained(what: Cell, data: Dataset, folder: Path) -> Trained:
    return train(what, data, None, folder=folder, device=CPU, control=Control())


def weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_checkpoint(next(folder.glob(f"{name}-*.pt")), CPU)["model"]
    return found


def test_a_part_is_held_out_of_each_class_and_is_the_same_for_a_whole_chain(data: Dataset) -> None:
    trained_on, held = hold_out(data.train_labels, 0.2, seed=3)
    assert sorted([*trained_on.tolist(), *held.tolist()]) == list(range(1000))
    share = torch.bincount(data.train_labels[held]) / torch.bincount(data.train_labels)
    assert (share - 0.2).abs().max() < 0.006
    assert torch.equal(hold_out(data.train_labels, 0.2, seed=3)[1], held)
    assert not torch.equal(hold_out(data.train_labels, 0.2, seed=4)[1], held)
    assert len(hold_out(data.train_labels, 0.0, seed=3)[1]) == 0


@pytest.mark.parametrize(("fraction", "what"), [(0.001, "nothing"), (0.9999, "everything")])
def test_a_part_of_nothing_or_everything_is_one_line(fraction: float, what: str, data: Dataset) -> None:
    with pytest.raises(BadInput, match=f"^val_fraction: {fraction} of 1,000 images holds out {what}; give another"):
        hold_out(data.train_labels, fraction, seed=0)


def test_what_is_held_out_is_never_trained_on(data: Dataset, tmp_path: Path) -> None:
    """Other images in its place change no weight, only its own scores."""
    what = cell(val_fraction=0.3)
    _, held = hold_out(data.train_labels, 0.3, what.seed)
    images = data.train_images.clone()
    images[held] = 255 - images[held]
    first = trained(what, data, tmp_path / "a")
    other = trained(what, replace(data, train_images=images), tmp_path / "b")
    assert first.saved["last"].sha256 == other.saved["last"].sha256
    assert [e.val_top1 for e in first.history] != [e.val_top1 for e in other.history]


def test_best_val_is_the_first_epoch_that_scores_highest_on_what_is_held_out(data: Dataset, tmp_path: Path) -> None:
    what = cell(val_fraction=0.1, epochs=8)
    found = trained(what, data, tmp_path)
    scores = [epoch.val_top1 for epoch in found.history]
    assert found.saved["best_val"].epoch == scores.index(max(scores)) + 1
    model = build("resnet8", 10)
    model.load_state_dict(weights(tmp_path, "best_val"))
    _, held = hold_out(data.train_labels, 0.1, what.seed)
    again = evaluate(model, data.train_images[held], data.train_labels[held], mean=data.mean, std=data.std)
    assert again.top1 == max(scores)


def test_evaluations_are_as_rare_as_the_recipe_says_and_the_last_epoch_has_one(data: Dataset, tmp_path: Path) -> None:
    found = trained(cell(epochs=7, evaluate_every=3), data, tmp_path)
    assert [epoch.epoch for epoch in found.history if epoch.test_top1 is not None] == [3, 6, 7]
    assert found.saved["best_test"].epoch in {3, 6, 7}
    trained(cell(epochs=7), data, tmp_path / "every")
    pairs = zip(weights(tmp_path, "last").values(), weights(tmp_path / "every", "last").values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_average_is_the_running_one_of_all_weights(data: Dataset, tmp_path: Path) -> None:
    """Taken again from the weights after each step; the weights themselves are those of a run without it."""
    decay = 0.8
    run = Run(cell(ema_decay=decay), data, None, folder=tmp_path, device=CPU, control=Control())
    average = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    run.model.train()
    for images, rows in run.batches():
        run.step(images, rows, 0.025)
        for name, tensor in run.model.state_dict().items():
            average[name] = decay * average[name] + (1 - decay) * tensor if tensor.is_floating_point() else tensor
    for name, tensor in run.stepper.weights().items():
        assert torch.allclose(tensor, average[name], atol=1e-6), name
    plain = Run(cell(), data, None, folder=tmp_path, device=CPU, control=Control())
    plain.model.train()
    for images, rows in plain.batches():
        plain.step(images, rows, 0.025)
    assert torch.equal(plain.model.conv1.weight, run.model.conv1.weight)
    assert not torch.equal(plain.model.conv1.weight, run.stepper.weights()["conv1.weight"])


def test_the_average_is_what_is_evaluated_and_saved(data: Dataset, tmp_path: Path) -> None:
    found = trained(cell(ema_decay=0.9), data, tmp_path)
    model = build("resnet8", 10)
    model.load_state_dict(weights(tmp_path, "last"))
    again = evaluate(model, data.test_images, data.test_labels, mean=data.mean, std=data.std)
    assert again.top1 == found.history[-1].test_top1


def test_smoothing_spreads_the_label_over_all_classes_and_leaves_the_teacher_alone() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(6, 5), torch.randn(6, 5)
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    target = 0.9 * F.one_hot(labels, 5) + 0.1 / 5
    hard = -(target * student.log_softmax(1)).sum(1).mean()
    soft = distillation(student, teacher, labels, alpha=0.0, tau=2.0)
    found = distillation(student, teacher, labels, alpha=0.3, tau=2.0, smoothing=0.1)
    assert found == pytest.approx(float(0.3 * hard + 0.7 * soft), rel=1e-6)


@pytest.mark.parametrize("warmup", [0, 500])
def test_a_cosine_by_step_is_that_of_the_vision_transformer(warmup: int) -> None:
    """``create_learning_rate_schedule(decay_type="cosine")`` of google-research/vision_transformer, written out."""
    recipe = RECIPES["vit_finetune"].model_copy(update={"warmup_steps": warmup})
    steps = 98
    total = recipe.epochs * steps
    for at in (0, 1, 250, 499, 500, 501, 3000, total - 1):
        progress = min(max((at - warmup) / (total - warmup), 0.0), 1.0)
        expected = 0.03 * 0.5 * (1 + math.cos(math.pi * progress)) * (min(1.0, at / warmup) if warmup else 1.0)
        assert recipe.learning_rate_at(at // steps, at % steps, steps) == pytest.approx(expected, abs=1e-15)


def test_the_learning_rate_of_each_step_reaches_the_optimizer(data: Dataset, tmp_path: Path) -> None:
    run = Run(
        cell(schedule="cosine_by_step", warmup_steps=5), data, None, folder=tmp_path, device=CPU, control=Control()
    )
    seen = []
    real = run.stepper.optimizer.step

    def noting(*arguments: object) -> object:
        seen.append(run.stepper.optimizer.param_groups[0]["lr"])
        return real(*arguments)

    run.stepper.optimizer.step = noting  # type: ignore[method-assign]  # to listen
    run.one_epoch()
    assert seen == [run.cell.recipe.learning_rate_at(0, step, 11) for step in range(11)]
    assert run.state.history[-1].learning_rate == seen[-1]
