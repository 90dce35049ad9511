"""The loss is the paper's Section 3, in value and in gradient."""

import math

import pytest
import torch
from torch.nn import functional as F

from sd.train.losses import distillation

CASES = [(alpha, tau) for alpha in (0.0, 0.2, 0.5, 1.0) for tau in (1.0, 4.0, 10.0)]


def by_hand(student: list[float], teacher: list[float], label: int, alpha: float, tau: float) -> float:
    """The printed formula for one image, in Python's float64."""

    def softmax(z: list[float], t: float) -> list[float]:
        powers = [math.exp(x / t) for x in z]
        return [p / sum(powers) for p in powers]

    hard = -math.log(softmax(student, 1.0)[label])
    p, q = softmax(teacher, tau), softmax(student, tau)
    soft = tau**2 * sum(a * math.log(a) - a * math.log(b) for a, b in zip(p, q, strict=True))
    return alpha * hard + (1 - alpha) * soft


@pytest.mark.parametrize(("alpha", "tau"), CASES)
def test_value_and_gradient_equal_the_formula_by_hand(alpha: float, tau: float) -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(3, 5) * 3, torch.randn(3, 5) * 3
    labels = torch.tensor([0, 4, 2])
    z = student.clone().requires_grad_(True)
    loss = distillation(z, teacher, labels, alpha=alpha, tau=tau)
    loss.backward()

    def mean(at: list[list[float]]) -> float:
        rows = zip(at, teacher.tolist(), labels.tolist(), strict=True)
        return sum(by_hand(s, t, y, alpha, tau) for s, t, y in rows) / 3

    at = student.tolist()
    assert loss.item() == pytest.approx(mean(at), rel=1e-5)
    assert z.grad is not None
    for i in range(3):
        for j in range(5):
            up, down = [row[:] for row in at], [row[:] for row in at]
            up[i][j] += 1e-5
            down[i][j] -= 1e-5
            assert float(z.grad[i, j]) == pytest.approx((mean(up) - mean(down)) / 2e-5, abs=2e-5)


@pytest.mark.parametrize(("alpha", "tau"), CASES)
def test_it_is_torchs_kl_div_with_batchmean_times_tau_squared(alpha: float, tau: float) -> None:
    torch.manual_seed(1)
    student, teacher, labels = torch.randn(96, 10), torch.randn(96, 10), torch.randint(0, 10, (96,))
    soft = F.kl_div(F.log_softmax(student / tau, 1), F.softmax(teacher / tau, 1), reduction="batchmean") * tau**2
    expected = alpha * F.cross_entropy(student, labels) + (1 - alpha) * soft
    assert torch.allclose(distillation(student, teacher, labels, alpha=alpha, tau=tau), expected, rtol=1e-5)


def test_the_teacher_gets_no_gradient() -> None:
    student, teacher = torch.randn(4, 10, requires_grad=True), torch.randn(4, 10, requires_grad=True)
    distillation(student, teacher, torch.zeros(4, dtype=torch.long), alpha=0.5, tau=4.0).backward()
    assert student.grad is not None and teacher.grad is None


def test_logits_of_any_precision_give_a_loss_in_float32() -> None:
    logits = torch.randn(4, 10).bfloat16()
    loss = distillation(logits, logits.flip(0), torch.zeros(4, dtype=torch.long), alpha=0.5, tau=4.0)
    assert loss.dtype == torch.float32
