"""Faster at the price of another science does not count: accuracy is that of an ordinary loop, within seed noise."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scipy.stats import ttest_ind
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from sd.plan.cell import Cell
from sd.plan.recipe import RECIPES
from sd.train.datasets import Dataset, load, with_label_noise
from sd.train.models import build
from sd.train.trainer import Control, train

SEEDS = range(5)
EPOCHS = 12


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Digits with wrong labels among them: accuracies near 90 %, with room on both sides."""
    torch.set_num_threads(1)
    return with_label_noise(load("digits"), 0.3, seed=0)


@pytest.fixture(scope="module")
def ordinary(data: Dataset) -> list[float]:
    """A DataLoader that shuffles, float32, SGD, clipping and a cosine, with torch's own random state."""
    recipe = RECIPES["digits"]
    scores = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = build("resnet8", 10, seed=100 + seed).train()
        images = (data.train_images / 255 - data.mean[0]) / data.std[0]
        loader = DataLoader(TensorDataset(images, data.train_labels), batch_size=recipe.batch_size, shuffle=True)
        optimizer = torch.optim.SGD(
            model.parameters(), lr=recipe.learning_rate, momentum=0.9, weight_decay=recipe.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
        for _ in range(EPOCHS):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            predicted = model((data.test_images / 255 - data.mean[0]) / data.std[0]).argmax(1)
        scores.append(100 * float((predicted == data.test_labels).float().mean()))
    return scores


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_accuracy_agrees_within_seed_noise(
    precision: str, data: Dataset, ordinary: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Welch's t-test over five seeds each."""
    monkeypatch.setattr("sd.train.engine.has_bf16", lambda _: True)  # slow where it is emulated, but the same numbers
    recipe = RECIPES["digits"].model_copy(update={"epochs": EPOCHS, "precision": precision})
    first = Cell("resnet8", "digits", "none", 0.3, "digits", recipe, "sgd", 0, 0)
    scores = []
    for seed in SEEDS:
        cell, folder = replace(first, seed=seed), tmp_path / str(seed)
        trained = train(cell, data, None, folder=folder, device=torch.device("cpu"), control=Control())
        assert str(trained.engine) == f"{precision} eager"
        scores.append(trained.history[-1].test_top1)
    print(f"{precision}: {scores}, ordinary: {ordinary}")
    assert ttest_ind(scores, ordinary, equal_var=False).pvalue > 0.02
