"""Curvature of the loss at a trained model: trace and largest eigenvalue of the Hessian, each with its error.

The Hessian-vector products are PyHessian's; the loops around them are ours, because the ones of its PyPI release stop
the trace by chance, return the last iterate but one of the power iteration, and crash in ``density()`` (spec 3.3).
"""

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sd.train.models.twice_differentiable import twice_differentiable
from sd.train.randomness import derive

HessianProduct = Callable[[list[Tensor]], list[Tensor]]


@dataclass(frozen=True)
class Curvature:
    """Estimates for the Hessian of the mean cross-entropy over a set of images, at hard labels and τ = 1 (spec H5).

    Attributes:
        trace: Hutchinson's estimate, the mean of vᵀHv over ``probes`` Rademacher vectors.
        trace_stderr: sample standard deviation of vᵀHv over √probes.
        lambda_max: the eigenvalue of largest magnitude, as the Rayleigh quotient of the power iteration's last vector.
        lambda_max_residual: ‖Hv − λv‖₂ for that vector, ‖v‖₂ = 1: some eigenvalue lies this close to ``lambda_max``.
        iterations: power iterations, one product each.
        converged: whether the relative change of λ fell below the tolerance before ``iterations`` ran out.
        n_samples: images.
        seconds: wall time.
    """

    trace: float
    trace_stderr: float
    probes: int
    lambda_max: float
    lambda_max_residual: float
    iterations: int
    converged: bool
    n_samples: int
    seconds: float


def curvature(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    probes: int,
    iterations: int,
    tolerance: float = 1e-3,
    batch_size: int = 500,
    seed: int = 0,
) -> Curvature:
    """Measure ``model`` in eval mode (which is restored) and float32.

    Args:
        images: float32, normalised, (n, 3, h, w), on the model's device; no augmentation.
        labels: int64, (n,).
        probes: number of Hutchinson vectors; never stopped early, so the standard error means what it says.
        iterations: the most power iterations to take.
        tolerance: relative change of λ at which the power iteration counts as converged (PyHessian's 1e-3).
        seed: of the probe vectors and the start vector.

    Raises:
        ValueError: the Hessian holds NaN or infinity at this model.
    """
    started = time.perf_counter()
    with twice_differentiable(model):
        parameters, product = _hessian(model, images, labels, batch_size)
        draws = torch.Generator(device=images.device)
        lambda_max, residual, used, converged = _power_iteration(
            product, _gaussian(parameters, draws.manual_seed(derive(seed, "power"))), iterations, tolerance
        )
        draws.manual_seed(derive(seed, "hutchinson"))
        samples = [_dot(v, product(v)) for v in (_rademacher(parameters, draws) for _ in range(probes))]
    trace = math.fsum(samples) / probes
    variance = math.fsum((x - trace) ** 2 for x in samples) / (probes - 1)
    if not (math.isfinite(trace) and math.isfinite(lambda_max)):
        raise ValueError(f"the Hessian is not finite at this model (trace {trace}, lambda_max {lambda_max})")
    return Curvature(
        trace=trace,
        trace_stderr=math.sqrt(variance / probes),
        probes=probes,
        lambda_max=lambda_max,
        lambda_max_residual=residual,
        iterations=used,
        converged=converged,
        n_samples=len(labels),
        seconds=time.perf_counter() - started,
    )


def _hessian(model: nn.Module, images: Tensor, labels: Tensor, batch_size: int) -> tuple[list[Tensor], HessianProduct]:
    """PyHessian's product, of one batch where the images fit one (its gradient graph is then built once)."""
    from pyhessian import hessian
    from pyhessian.utils import hessian_vector_product

    # PyHessian calls backward(create_graph=True); the cycle that torch warns of is broken by the final zero_grad.
    warnings.filterwarnings("ignore", message="Using backward\\(\\) with create_graph=True")
    model.zero_grad(set_to_none=True)
    loss, cuda = nn.CrossEntropyLoss(), images.is_cuda
    if len(labels) <= batch_size:
        one = hessian(model, loss, data=(images, labels), cuda=cuda)
        return one.params, lambda v: list(hessian_vector_product(one.gradsH, one.params, v))
    batches = list(zip(images.split(batch_size), labels.split(batch_size), strict=True))
    many = hessian(model, loss, dataloader=batches, cuda=cuda)
    return many.params, lambda v: list(many.dataloader_hv_product(v)[1])


def _power_iteration(
    product: HessianProduct, start: list[Tensor], iterations: int, tolerance: float
) -> tuple[float, float, int, bool]:
    """Rayleigh quotient, residual, products used, converged."""
    v = _scaled(start, 1 / _norm(start))
    value, residual = math.nan, math.inf
    for used in range(1, iterations + 1):
        hv = product(v)
        previous, value = value, _dot(v, hv)
        residual = _norm([a - value * b for a, b in zip(hv, v, strict=True)])
        if abs(value - previous) <= tolerance * abs(value):
            return value, residual, used, True
        length = _norm(hv)
        if length == 0:
            return 0.0, 0.0, used, True
        v = _scaled(hv, 1 / length)
    return value, residual, iterations, False


def _gaussian(like: list[Tensor], draws: torch.Generator) -> list[Tensor]:
    return [torch.randn(p.shape, generator=draws, device=p.device) for p in like]


def _rademacher(like: list[Tensor], draws: torch.Generator) -> list[Tensor]:
    return [torch.randint(0, 2, p.shape, generator=draws, device=p.device).mul_(2).sub_(1).float() for p in like]


def _dot(a: list[Tensor], b: list[Tensor]) -> float:
    return float(torch.stack([(x.double() * y.double()).sum() for x, y in zip(a, b, strict=True)]).sum())


def _norm(a: list[Tensor]) -> float:
    return math.sqrt(_dot(a, a))


def _scaled(a: list[Tensor], factor: float) -> list[Tensor]:
    return [x * factor for x in a]
