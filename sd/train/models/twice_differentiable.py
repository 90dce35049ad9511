"""A model as Hessians need it: in eval mode, every weight differentiable, and attention with a second derivative."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def twice_differentiable(model: nn.Module) -> Iterator[None]:
    """Within it ``model`` is in eval mode and all its parameters can be differentiated twice; restored at the end.

    Torch's fused attention has no second derivative (spec 3.3, pytorch/pytorch#116350), so all attention within is
    computed by products of matrices; training keeps the fused one. Modes are restored module by module, and gradients
    that were there, as between a backward pass and its step, are put aside and back.
    """
    modes = [(module, module.training) for module in model.modules()]
    frozen = [p for p in model.parameters() if not p.requires_grad]
    gradients = [(p, p.grad) for p in model.parameters()]
    model.zero_grad(set_to_none=True)
    model.eval().requires_grad_(True)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
        for parameter, gradient in gradients:
            parameter.grad = gradient
        for module, training in modes:
            module.training = training
