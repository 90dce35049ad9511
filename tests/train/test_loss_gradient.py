"""The gradient of the loss with respect to the logits is its closed form, and its limits are what they should be."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from sd.train.losses import distillation, divergence

N, CLASSES = 6, 5


def logits(seed: int, size: float = 3.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    student, teacher = (size * torch.randn(N, CLASSES, generator=draws) for _ in range(2))
    return student, teacher, torch.randint(0, CLASSES, (N,), generator=draws)


def gradient(student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor, **how: float) -> torch.Tensor:
    z = student.clone().requires_grad_(True)
    (found,) = torch.autograd.grad(distillation(z, teacher, labels, **how), z)
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), alpha=st.floats(0, 1), tau=st.floats(0.5, 20))
def test_the_gradient_is_the_closed_form(seed: int, alpha: float, tau: float) -> None:
    """∂L/∂z = [α(σ(z) − y) + (1−α)·τ·(σ(z/τ) − σ(z_t/τ))] / n, in float64 (Hinton et al. 2015, equation 2)."""
    student, teacher, labels = logits(seed)
    z, t = student.double(), teacher.double()
    hard = z.softmax(1) - F.one_hot(labels, CLASSES)
    soft = tau * ((z / tau).softmax(1) - (t / tau).softmax(1))
    expected = (alpha * hard + (1 - alpha) * soft) / N
    assert torch.allclose(gradient(student, teacher, labels, alpha=alpha, tau=tau).double(), expected, atol=3e-6)


def test_alpha_one_is_cross_entropy_whatever_the_teacher_says() -> None:
    student, teacher, labels = logits(0)
    plain = F.cross_entropy(student, labels)
    assert torch.equal(distillation(student, teacher, labels, alpha=1, tau=4), plain)
    assert torch.equal(distillation(student, teacher.flip(1), labels, alpha=1, tau=4), plain)


def test_alpha_zero_does_not_see_the_labels() -> None:
    student, teacher, labels = logits(0)
    assert torch.equal(
        gradient(student, teacher, labels, alpha=0, tau=4), gradient(student, teacher, 4 - labels, alpha=0, tau=4)
    )


def test_a_student_that_agrees_with_its_teacher_is_not_moved() -> None:
    """Nor is one whose logits differ by the same shift for all classes, which no softmax can see."""
    student, _, labels = logits(0)
    for teacher in (student, student + 7.0):
        assert float(divergence(student, teacher, tau=4)) == pytest.approx(0, abs=1e-6)
        assert gradient(student, teacher, labels, alpha=0, tau=4).abs().max() < 1e-6


def test_the_divergence_points_from_the_teacher_to_the_student() -> None:
    """KL is not symmetric: a teacher that is sure of class 0 and a student that is not sure of anything."""
    student, teacher = torch.zeros(1, 2), torch.tensor([[2.0, -2.0]])
    p = torch.tensor(2.0).mul(2).sigmoid().item()
    by_hand = p * torch.tensor(p / 0.5).log().item() + (1 - p) * torch.tensor((1 - p) / 0.5).log().item()
    assert float(divergence(student, teacher, tau=1)) == pytest.approx(by_hand, rel=1e-5)
    assert float(divergence(teacher, student, tau=1)) != pytest.approx(by_hand, rel=0.1)


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_logits_of_any_size_give_a_finite_loss_and_gradient(size: float) -> None:
    """A probability that underflows to 0 must not become 0 · log 0."""
    student, teacher, labels = logits(1, size)
    for alpha, tau in ((0.0, 1.0), (0.5, 4.0)):
        assert distillation(student, teacher, labels, alpha=alpha, tau=tau).isfinite()
        assert gradient(student, teacher, labels, alpha=alpha, tau=tau).isfinite().all()


def test_the_gradient_of_the_soft_part_hardly_depends_on_a_high_temperature() -> None:
    """What τ² is for: for large τ the gradient tends to (1−α)·(z − z_t)/(n·classes), both centred (equation 4)."""
    student, teacher, labels = logits(2, 0.1)
    limit = ((student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))) / (N * CLASSES)
    for tau in (20.0, 100.0):
        assert torch.allclose(gradient(student, teacher, labels, alpha=0, tau=tau), limit, atol=2e-4, rtol=1e-2)
