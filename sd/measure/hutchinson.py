"""The trace of a Hessian by random vectors, with the eigenvectors that are known taken out first."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sd.measure.gauss_newton import Trace
from sd.measure.hessian import SIDE_BY_SIDE, Hessian
from sd.measure.scratch import Scratch
from sd.train.randomness import generator

PILOT = 20
"""Probes from whose spread the number of all is decided: enough that their mean over its error is nearly normal."""


def deflated_trace(
    hessian: Hessian,
    vectors: Tensor,
    values: list[float],
    *,
    target: float,
    probes: int,
    seed: int,
    scratch: Scratch,
    on_probe: Callable[[int, int], None] = lambda done, total: None,
) -> Trace:
    """tr H and Σⱼ θⱼ² Hⱼⱼ: those of the known eigenvectors, and Hutchinson's estimate of what is left.

    With U's columns orthonormal and P = I − UUᵀ, tr H = Σ uᵀHu + E[vᵀPHPv] for v with independent signs (Hutch++,
    Meyer et al., 2021; here U comes from Lanczos' run), whose variance is 2‖off-diagonal of PHP‖_F². The same products
    give Σⱼ θⱼ² Hⱼⱼ = Σ λ Σⱼ θⱼ² uⱼ² + E[Σⱼ θⱼ² vⱼ (HPv)ⱼ] (Bekas et al., 2007).

    Taken in two stages, a pilot that decides how many are needed and then so many, because stopping when the error
    happens to look small would make it too small.

    Args:
        vectors: U as rows, (k, p); Ritz vectors, so that ``values`` are uᵀHu exactly.
        target: relative standard error of the trace.
        probes: the most vectors to draw.
    """
    theta_squared = hessian.weights().square()
    known = math.fsum(values)
    known_relative = math.fsum(value * _weighted(theta_squared, u, u) for value, u in zip(values, vectors, strict=True))
    state = scratch.kept("hutchinson") or {"samples": [], "relative": []}
    samples: list[float] = state["samples"]
    relative: list[float] = state["relative"]
    wanted = min(probes, PILOT)
    while len(samples) < wanted:
        on_probe(len(samples), wanted)
        count = min(SIDE_BY_SIDE, wanted - len(samples))
        signs = torch.stack([_signs(theta_squared, seed, len(samples) + k) for k in range(count)])
        outside = signs - (signs @ vectors.T) @ vectors if len(vectors) else signs
        found = hessian.products(outside)
        samples += [_dot(w, hw) for w, hw in zip(outside, found, strict=True)]
        relative += [_weighted(theta_squared, v, hw) for v, hw in zip(signs, found, strict=True)]
        if scratch.is_due():
            scratch.keep("hutchinson", {"samples": samples, "relative": relative})
        if len(samples) == min(probes, PILOT):
            mean, error = _mean_and_error(samples)
            goal = target * abs(known + mean)
            needed = error**2 * len(samples) / goal**2 if goal else math.inf  # infinite, too, where one was all
            wanted = max(wanted, math.ceil(min(probes, needed)))
    (mean, error), (mean_relative, error_relative) = _mean_and_error(samples), _mean_and_error(relative)
    return Trace(
        trace=known + mean,
        stderr=error,
        relative=known_relative + mean_relative,
        relative_stderr=error_relative,
        probes=len(samples),
        passes=0,
        estimator="hutchinson",
    )


def _signs(like: Tensor, seed: int, index: int) -> Tensor:
    draws = generator(like.device, seed, "hutchinson", index)
    return torch.randint(0, 2, like.shape, generator=draws, device=like.device).mul_(2).sub_(1).to(like.dtype)


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a.double() * b.double()).sum())


def _weighted(weights: Tensor, a: Tensor, b: Tensor) -> float:
    return float((weights.double() * a.double() * b.double()).sum())


def _mean_and_error(values: list[float]) -> tuple[float, float]:
    """Mean, and sample standard deviation over √n (infinite for a single value)."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, math.inf
    return mean, math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1) / len(values))
