"""Sharpness-aware minimisation (Foret et al. 2021): step with the gradient found at the worst point nearby."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def perturbed_gradient(model: nn.Module, loss: Callable[[], Tensor], *, rho: float) -> Tensor:
    """Leave in ``.grad`` the gradient at w + ρ·g/‖g‖₂, with the weights w as they were; return the loss at w.

    Algorithm 1 of the paper with p = 2, not adaptive; ‖g‖ is over all parameters together (reference: davda54/sam,
    which the field uses). Batch-norm statistics are updated by the first pass only (spec H2).

    Args:
        loss: computes the batch's loss afresh each time it is called.
        rho: radius of the ball, in the units of the weights.
    """
    first = loss()
    first.backward()
    moved: list[Tensor] = [p for p in model.parameters() if p.grad is not None]
    with torch.no_grad():
        gradients = [p.grad for p in moved if p.grad is not None]
        here = [p.detach().clone() for p in moved]
        scale = rho / (torch.nn.utils.get_total_norm(gradients) + 1e-12)
        torch._foreach_add_(moved, list(torch._foreach_mul(gradients, scale)))
    model.zero_grad(set_to_none=True)
    with frozen_batch_statistics(model):
        loss().backward()
    with torch.no_grad():
        torch._foreach_copy_(moved, here)
    return first.detach()


@contextmanager
def frozen_batch_statistics(model: nn.Module) -> Iterator[None]:
    """Batch norm still normalises by the batch, but its running statistics stay as they are."""
    layers = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
