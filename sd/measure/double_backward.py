"""Convolution and batch norm in eval mode with a second derivative that costs what the first one does.

Torch's own double backward of a convolution computes the second-order weight gradient as a convolution of a shape that
no library is fast at, and that of a batch norm is a dozen passes over memory. Written with the same kernels as a first
backward pass, a Hessian-vector product of a ResNet takes half the time on a CPU (``bench/RESULTS.md``).
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_aten = torch.ops.aten

Geometry = tuple[list[int], list[int], list[int], int]
"""Stride, padding, dilation and groups of a 2-D convolution."""


class FastDoubleBackward(TorchFunctionMode):
    """Within it every 2-D convolution, and every batch norm of images by running statistics, is one of this module.

    Anything else, and any of them that is called in a way not foreseen here, is torch's own.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.conv2d:
            found = _convolution(*args, **kwargs)
            if found is not None:
                return found
        elif func is F.batch_norm:
            found = _batch_norm(*args, **kwargs)
            if found is not None:
                return found
        return func(*args, **kwargs)


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor | None:
    if input.ndim != 4 or isinstance(padding, str):
        return None
    geometry = (_pair(stride), _pair(padding), _pair(dilation), groups)
    found: Tensor = _Convolution.apply(input, weight, bias, geometry)
    return found


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor | None:
    if training or input.ndim != 4 or running_mean is None or running_var is None or weight is None or bias is None:
        return None
    found: Tensor = _BatchNorm.apply(input, weight, bias, running_mean, running_var, eps)
    return found


def _pair(value: Any) -> list[int]:
    listed = list(value) if isinstance(value, tuple | list) else [value]
    return listed * 2 if len(listed) == 1 else listed


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    stride, padding, dilation, groups = geometry
    return torch.convolution(x, weight, bias, stride, padding, dilation, False, [0, 0], groups)


def _convolve_back(
    grad: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients by input, weight and bias of ⟨grad, conv(x, weight)⟩."""
    stride, padding, dilation, groups = geometry
    sizes = [weight.shape[0]] if wanted[2] else None
    found: tuple[Tensor | None, Tensor | None, Tensor | None] = _aten.convolution_backward(
        grad, x, weight, sizes, stride, padding, dilation, False, [0, 0], groups, wanted
    )
    return found


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry, ctx.has_bias = geometry, bias is not None
        return _convolve(x, weight, bias, geometry)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        wanted = (ctx.needs_input_grad[0], ctx.needs_input_grad[1], ctx.has_bias and ctx.needs_input_grad[2])
        return (*_ConvolutionGradient.apply(grads[0], x, weight, ctx.geometry, wanted), None)


class _ConvolutionGradient(torch.autograd.Function):
    """(grad, x, weight) ↦ the gradients of the convolution; bilinear in (grad, weight) and in (grad, x)."""

    @staticmethod
    def forward(
        ctx: Any, grad: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, wanted: tuple[bool, bool, bool]
    ) -> Any:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(grad, x, weight)
        ctx.geometry = geometry
        return _convolve_back(grad, x, weight, geometry, wanted)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> Any:
        """Of u = (along the input's gradient, along the weight's, along the bias's)."""
        along_x, along_weight, along_bias = cotangents
        grad, x, weight = ctx.saved_tensors
        by_grad: Tensor | None = None
        if along_x is not None:
            by_grad = _convolve(along_x, weight, along_bias, ctx.geometry)
        if along_weight is not None:
            more = _convolve(x, along_weight, along_bias if by_grad is None else None, ctx.geometry)
            by_grad = more if by_grad is None else by_grad.add_(more)
        if by_grad is None and along_bias is not None:
            by_grad = along_bias[:, None, None].expand_as(grad)
        wanted = (along_weight is not None and ctx.needs_input_grad[1], along_x is not None, False)
        by_x, by_weight = None, None
        if wanted[0] or wanted[1]:
            at_x = x if along_x is None else along_x
            at_weight = weight if along_weight is None else along_weight
            by_x, by_weight, _ = _convolve_back(grad, at_x, at_weight, ctx.geometry, wanted)
        return by_grad, by_x, by_weight, None, None


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.statistics = mean, variance, eps
        return torch.batch_norm(x, weight, bias, mean, variance, False, 0.0, eps, False)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return (*_BatchNormGradient.apply(grads[0], x, weight, ctx.statistics), None, None, None)


class _BatchNormGradient(torch.autograd.Function):
    """(grad, x, weight) ↦ the gradients of y = weight · (x − mean) / σ + bias by channel, with σ² = variance + eps."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, x: Tensor, weight: Tensor, statistics: tuple[Tensor, Tensor, float]) -> Any:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(grad, x, weight)
        ctx.statistics = statistics
        return _normalise_back(grad, x, weight, *statistics, (True, True, True))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> Any:
        along_x, along_weight, along_bias = cotangents
        grad, x, weight = ctx.saved_tensors
        mean, variance, eps = ctx.statistics
        none = torch.zeros_like(weight)
        at_weight = none if along_weight is None else along_weight
        at_bias = none if along_bias is None else along_bias
        # By grad: (x − mean)/σ · along_weight + along_bias, which is a batch norm, + weight/σ · along_x.
        by_grad = torch.batch_norm(x, at_weight, at_bias, mean, variance, False, 0.0, eps, False)
        if along_x is not None:
            by_grad.addcmul_(along_x, (weight * (variance + eps).rsqrt())[:, None, None])
        # By x: grad · along_weight/σ; by weight: Σ grad · along_x/σ: the gradients of a batch norm of along_x with
        # mean 0 and weight along_weight.
        at_x = torch.zeros_like(x) if along_x is None else along_x
        wanted = (ctx.needs_input_grad[1], along_x is not None, False)
        by_x, by_weight, _ = _normalise_back(grad, at_x, at_weight, none, variance, eps, wanted)
        return by_grad, by_x, by_weight if along_x is not None else None, None


def _normalise_back(
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    mean: Tensor,
    variance: Tensor,
    eps: float,
    wanted: tuple[bool, bool, bool],
) -> tuple[Tensor, Tensor, Tensor]:
    found: tuple[Tensor, Tensor, Tensor] = _aten.native_batch_norm_backward(
        grad, x, weight, mean, variance, None, None, False, eps, wanted
    )
    return found
