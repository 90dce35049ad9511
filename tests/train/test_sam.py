"""SAM is Algorithm 1 of its paper, with batch-norm statistics from the first pass only."""

import torch
from torch import nn
from torch.nn import functional as F

from sd.train.datasets import load
from sd.train.models import build
from sd.train.sam import perturbed_gradient


def test_on_a_quadratic_the_gradient_is_the_closed_form() -> None:
    """For L = ½ wᵀAw the gradient at w + ρ·Aw/‖Aw‖ is A(w + ρ·Aw/‖Aw‖); the weights come back to the bit."""
    torch.manual_seed(0)
    root = torch.randn(6, 6, dtype=torch.float64)
    matrix = root @ root.T
    model = nn.Linear(6, 1, bias=False).double()
    w = model.weight.detach().clone().flatten()
    loss = perturbed_gradient(model, lambda: 0.5 * model.weight @ matrix @ model.weight.T, rho=0.3)
    gradient = matrix @ w
    expected = matrix @ (w + 0.3 * gradient / gradient.norm())
    assert torch.allclose(model.weight.grad.flatten(), expected, rtol=1e-10)
    assert torch.equal(model.weight.detach().flatten(), w)
    assert torch.allclose(loss, 0.5 * w @ matrix @ w)


def literal_sam(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, rho: float, lr: float, clip: float
) -> None:
    """Algorithm 1, parameter by parameter, without foreach, optimizer or hooks."""
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    gradients = torch.autograd.grad(F.cross_entropy(model(images), labels), list(model.parameters()))
    kept = [(m.running_mean.clone(), m.running_var.clone(), m.num_batches_tracked.clone()) for m in layers]
    norm = sum(float((g**2).sum()) for g in gradients) ** 0.5
    before = [p.detach().clone() for p in model.parameters()]
    with torch.no_grad():
        for p, g in zip(model.parameters(), gradients, strict=True):
            p += rho * g / (norm + 1e-12)
    gradients = torch.autograd.grad(F.cross_entropy(model(images), labels), list(model.parameters()))
    size = sum(float((g**2).sum()) for g in gradients) ** 0.5
    with torch.no_grad():
        for p, old, g in zip(model.parameters(), before, gradients, strict=True):
            p.copy_(old - lr * g * min(1.0, clip / (size + 1e-6)))
    for layer, (mean, var, count) in zip(layers, kept, strict=True):
        layer.running_mean, layer.running_var, layer.num_batches_tracked = mean, var, count


def test_step_by_step_it_is_the_papers_algorithm() -> None:
    torch.set_num_threads(1)
    data = load("digits")
    ours, literal = build("resnet8", 10, seed=3), build("resnet8", 10, seed=3)
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.05)
    for step in range(5):
        rows = slice(96 * step, 96 * step + 96)
        images, labels = data.normalise(data.train_images[rows]), data.train_labels[rows]
        optimizer.zero_grad()
        perturbed_gradient(ours, lambda x=images, y=labels: F.cross_entropy(ours(x), y), rho=0.05)
        nn.utils.clip_grad_norm_(ours.parameters(), 0.5)
        optimizer.step()
        literal_sam(literal, images, labels, 0.05, 0.05, 0.5)
    for (name, a), b in zip(ours.state_dict().items(), literal.state_dict().values(), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5), name
    assert int(ours.get_buffer("bn1.num_batches_tracked")) == 5
