"""An evaluation is the same for every batch size, leaves the model as it was, and counts ties and few classes right."""

import math
from dataclasses import replace

import pytest
import torch
from sklearn.metrics import brier_score_loss
from torch import Tensor, nn
from torchmetrics.functional.classification import multiclass_calibration_error
from torchmetrics.functional.text import perplexity

import sd.measure
from sd.train.datasets import Dataset, load
from sd.train.evaluation import Evaluation, evaluate
from sd.train.models import build


@pytest.fixture(scope="module")
def data() -> Dataset:
    torch.set_num_threads(1)
    return load("digits")


def score(model: nn.Module, data: Dataset, split: str, batch_size: int = 1000) -> Evaluation:
    return evaluate(model, *data.split(split), mean=data.mean, std=data.std, batch_size=batch_size)


class Fixed(nn.Module):
    """Answers with given logits, row by row, whatever the images are."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits, self.at = logits, 0

    def forward(self, x: Tensor) -> Tensor:
        self.at += len(x)
        return self.logits[self.at - len(x) : self.at]


def labelled(data: Dataset, labels: list[int]) -> Dataset:
    return replace(data, test_images=data.test_images[: len(labels)], test_labels=torch.tensor(labels))


def test_the_batch_size_does_not_matter(data: Dataset) -> None:
    model = build("resnet8", 10, seed=1)
    whole = score(model, data, "test", batch_size=10_000)
    for batch_size in (1, 96, 797):
        found = score(model, data, "test", batch_size=batch_size)
        assert (found.top1, found.top5, found.n) == (whole.top1, whole.top5, whole.n)
        assert found.loss == pytest.approx(whole.loss, rel=1e-5)


def test_by_hand(data: Dataset) -> None:
    """Four images, six classes: right at once, right in the fifth place, right in the sixth, wrong by far."""
    order = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    found = score(Fixed(order.repeat(4, 1)), labelled(data, [0, 4, 5, 5]), "test", batch_size=3)
    assert (found.top1, found.top5, found.n) == (25.0, 50.0, 4)
    log_sum = float(order.double().exp().sum().log())
    assert found.loss == pytest.approx(sum(log_sum - z for z in (5, 1, 0, 0)) / 4, rel=1e-6)


def test_fewer_than_five_classes_are_all_within_the_first_five(data: Dataset) -> None:
    found = score(Fixed(torch.eye(3)), labelled(data, [0, 2, 1]), "test")
    assert found.top1 == pytest.approx(100 / 3) and found.top5 == 100


def test_the_training_split_is_scored_without_augmentation_on_the_labels_in_use(data: Dataset) -> None:
    model = build("resnet8", 10, seed=2)
    noisy = replace(data, train_labels=data.train_labels.roll(1))
    assert score(model, data, "train").n == 1000
    assert score(model, data, "train") == score(model, data, "train")
    assert score(model, noisy, "train") != score(model, data, "train")
    assert score(model, noisy, "test") == score(model, data, "test")


@pytest.mark.parametrize("training", [True, False])
def test_mode_statistics_and_gradients_are_left_alone(training: bool, data: Dataset) -> None:
    model = build("resnet8", 10).train(training)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    score(model, data, "test")
    assert all(module.training == training for module in model.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_calibration_is_guos_by_hand() -> None:
    """Bins (0, 1/15], (1/15, 2/15] …: a loop over images and bins in Python's float64."""
    torch.manual_seed(0)
    logits, labels = torch.randn(500, 7) * 2, torch.randint(7, (500,))
    confidence, predicted = logits.double().softmax(1).max(1)
    expected = 0.0
    for b in range(15):
        inside = [i for i in range(500) if b / 15 < confidence[i] <= (b + 1) / 15]
        if inside:
            accuracy = sum(int(predicted[i] == labels[i]) for i in inside) / len(inside)
            mean = sum(float(confidence[i]) for i in inside) / len(inside)
            expected += len(inside) / 500 * abs(accuracy - mean)
    found = evaluate(Fixed(logits), torch.zeros(500, 3, 1, 1), labels, batch_size=128)
    assert found.ece == pytest.approx(expected, abs=1e-6)


def test_brier_is_scikit_learns() -> None:
    """Which scores several classes from 1.8 on; its sum over the classes is halved for two alone."""
    torch.manual_seed(0)
    logits, labels = torch.randn(500, 7) * 2, torch.randint(7, (500,))
    expected = brier_score_loss(labels, logits.double().softmax(1).numpy(), labels=range(7), scale_by_half=False)
    found = evaluate(Fixed(logits), torch.zeros(500, 3, 1, 1), labels, batch_size=128)
    assert found.brier == pytest.approx(expected, abs=1e-6)


def test_calibration_and_likelihood_are_torchmetrics() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(5000, 7) * 2, torch.randint(7, (5000,))
    found = evaluate(Fixed(logits), torch.zeros(5000, 3, 1, 1), labels, batch_size=128)
    probabilities = logits.double().softmax(1)
    assert found.ece == pytest.approx(float(multiclass_calibration_error(probabilities, labels, 7, 15, "l1")), abs=1e-6)
    assert math.exp(found.loss) == pytest.approx(float(perplexity(probabilities.log()[None], labels[None])), rel=1e-6)


def test_images_are_taken_as_bytes_as_fractions_or_as_the_model_takes_them(data: Dataset) -> None:
    model = build("resnet8", 10, seed=1)
    images, labels = data.split("test")
    normalised = {"mean": data.mean, "std": data.std}
    of_bytes = evaluate(model, images, labels, **normalised)
    assert evaluate(model, images, labels, mean=list(data.mean), std=list(data.std)) == of_bytes
    of_fractions = evaluate(model, images.double() / 255, labels, **normalised)
    ready = evaluate(model, data.normalise(images), labels)
    assert of_bytes.top1 == of_fractions.top1 == ready.top1
    assert of_bytes.loss == pytest.approx(of_fractions.loss, rel=1e-5) == pytest.approx(ready.loss, rel=1e-5)


@pytest.mark.parametrize(
    ("images", "labels", "normalised", "line"),
    [
        (torch.zeros(2, 3, 4, 4), [0], {}, "2 images and 1 labels"),
        (torch.zeros(0, 3, 4, 4), [], {}, "0 images and 0 labels"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), [0], {}, "need mean and std"),
        (torch.zeros(1, 3, 4, 4), [0], {"mean": (0.0, 0.0, 0.0)}, "given together"),
        (torch.zeros(1, 3, 4, 4), [0], {"mean": (0.0, 0.0, 0.0), "std": (1.0, 0.0, 1.0)}, "cannot normalise"),
        (torch.zeros(1, 3, 4, 4), [0], {"mean": (math.nan, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}, "cannot normalise"),
    ],
)
def test_what_cannot_be_scored_is_one_line(
    images: Tensor, labels: list[int], normalised: dict[str, tuple[float, ...]], line: str
) -> None:
    with pytest.raises(ValueError, match=line):
        evaluate(nn.Identity(), images, torch.tensor(labels), **normalised)


def test_the_room_of_measures_offers_it() -> None:
    assert sd.measure.evaluate is evaluate
