"""Trace and largest eigenvalue against Hessians that come from elsewhere: closed forms and dense float64 matrices."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, hessian
from torch.nn import functional as F

from sd.measure.curvature import Curvature, curvature
from sd.train.datasets import load
from sd.train.models import build


class Small(nn.Module):
    """A ReLU network with batch norm on averaged digits: 248 parameters, so that its Hessian can be written out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, 2, bias=False)
        self.bn = nn.BatchNorm2d(2)
        self.linear = nn.Linear(2 * 3 * 3, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(F.relu(self.bn(self.conv(F.avg_pool2d(x, 4)))).flatten(1))


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    torch.set_num_threads(1)
    data = load("digits")
    return data.normalise(data.train_images[:120]), data.train_labels[:120]


@pytest.fixture(scope="module")
def small(digits: tuple[torch.Tensor, torch.Tensor]) -> nn.Module:
    torch.manual_seed(0)
    model = Small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(digits[0]), digits[1]).backward()
        optimizer.step()
    return model


@pytest.fixture(scope="module")
def dense(small: nn.Module, digits: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """The whole Hessian in eval mode, in float64, by torch.func."""
    model = Small().double()
    model.load_state_dict(small.state_dict())
    model.eval()
    names, values = zip(*model.named_parameters(), strict=True)
    sizes = [value.numel() for value in values]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        parts = [part.view_as(value) for part, value in zip(flat.split(sizes), values, strict=True)]
        logits = functional_call(model, dict(zip(names, parts, strict=True)), digits[0].double())
        return F.cross_entropy(logits, digits[1])

    return hessian(loss)(torch.cat([value.detach().flatten() for value in values]))


def test_trace_and_lambda_max_are_those_of_the_dense_hessian(
    small: nn.Module, dense: torch.Tensor, digits: tuple[torch.Tensor, torch.Tensor]
) -> None:
    found = curvature(small, *digits, probes=200, iterations=200, tolerance=1e-6)
    values = torch.linalg.eigvalsh(dense)
    largest = values[values.abs().argmax()]
    assert found.converged
    assert found.lambda_max == pytest.approx(float(largest), rel=1e-4)
    assert (values - found.lambda_max).abs().min() <= found.lambda_max_residual + 1e-4
    assert abs(found.trace - float(dense.trace())) < 4 * found.trace_stderr
    assert found.n_samples == 120 and found.probes == 200


def test_the_standard_error_is_honest(
    small: nn.Module, dense: torch.Tensor, digits: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """Over 80 seeds about 68 % lie within one standard error, and the errors have the size that theory gives."""
    true = float(dense.trace())
    found = [curvature(small, *digits, probes=10, iterations=1, seed=seed) for seed in range(80)]
    within = sum(abs(one.trace - true) < one.trace_stderr for one in found)
    assert 40 <= within <= 68
    off_diagonal = dense - dense.diag().diag()
    theory = math.sqrt(2 * float((off_diagonal**2).sum()) / 10)
    mean_square = math.sqrt(sum(one.trace_stderr**2 for one in found) / len(found))
    assert mean_square == pytest.approx(theory, rel=0.2)


def test_logistic_regression_has_its_closed_form() -> None:
    """One linear layer: H = mean over x of (diag p − ppᵀ) ⊗ xxᵀ."""
    torch.manual_seed(0)
    images, labels = torch.randn(50, 3, 2, 2), torch.randint(0, 4, (50,))
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4, bias=False))
    x = images.flatten(1).double()
    p = (x @ model[1].weight.double().T).softmax(1)
    inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    closed = torch.einsum("nij,na,nb->iajb", inner, x, x).reshape(48, 48) / 50
    found = curvature(model, images, labels, probes=300, iterations=500, tolerance=1e-7)
    assert found.lambda_max == pytest.approx(float(torch.linalg.eigvalsh(closed.detach())[-1]), rel=1e-4)
    assert abs(found.trace - float(closed.trace())) < 4 * found.trace_stderr


def test_many_batches_give_what_one_batch_gives(small: nn.Module, digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    one = curvature(small, *digits, probes=5, iterations=30)
    many = curvature(small, *digits, probes=5, iterations=30, batch_size=37)
    assert many.trace == pytest.approx(one.trace, rel=1e-4)
    assert many.lambda_max == pytest.approx(one.lambda_max, rel=1e-4)


def numbers(found: Curvature) -> tuple[float, ...]:
    return (found.trace, found.trace_stderr, found.lambda_max, found.lambda_max_residual)


def test_the_model_is_left_as_it_was_and_a_seed_gives_the_same_numbers(
    small: nn.Module, digits: tuple[torch.Tensor, torch.Tensor]
) -> None:
    small.train()
    small.linear.bias.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    state = torch.random.get_rng_state()
    found = curvature(small, *digits, probes=3, iterations=3, seed=1)
    assert numbers(curvature(small, *digits, probes=3, iterations=3, seed=1)) == numbers(found)
    assert numbers(curvature(small, *digits, probes=3, iterations=3, seed=2)) != numbers(found)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert small.training and not small.linear.bias.requires_grad
    assert all(parameter.grad is None for parameter in small.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in small.state_dict().items())
    small.linear.bias.requires_grad_(True)


def test_a_power_iteration_that_is_cut_short_says_that_it_has_not_converged(
    digits: tuple[torch.Tensor, torch.Tensor],
) -> None:
    found = curvature(build("resnet8", 10), *digits, probes=2, iterations=2, tolerance=1e-9)
    assert not found.converged and found.iterations == 2 and found.lambda_max_residual > 0


def test_a_model_with_infinite_weights_is_refused(digits: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = build("resnet8", 10)
    with torch.no_grad():
        model.get_parameter("linear.weight").fill_(math.inf)
    with pytest.raises(ValueError, match="the Hessian is not finite"):
        curvature(model, *digits, probes=2, iterations=2)
