"""The same figures by the paper's own tool, PyHessian, so that the two can be compared.

Its eigenvalues are those of its ``eigenvalues()``, which returns the last but one iterate of a power iteration: of
largest magnitude, and 0.2 to 0.3 % low. Its trace is that of its ``trace()`` with a fixed number of probes: left to
itself it stops when two running means happen to agree. Its ``density()`` needs a function that torch no longer has, so
there is no density; nor a smallest eigenvalue, nor a relative trace. Residuals and standard errors are ours.

It has converged if each of its power iterations ended by its own rule, if the largest value that they gave is positive
(of a Hessian whose most negative eigenvalue is the largest in magnitude they give that one first, and λmax is not
known), and if the trace reached the error that was asked for.
"""

import math
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch import Tensor, nn

from sd.measure.hessian import Hessian, Loss, check_is_one_function, mean_loss
from sd.measure.watch import Watch
from sd.train.randomness import derive

if TYPE_CHECKING:
    from sd.measure.curvature import Curvature

BATCH = 500
"""Images of a batch by default; if all fit one, PyHessian builds its gradient graph once."""


def measured_by_pyhessian(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    loss: Loss,
    probes: int,
    steps: int,
    top: int,
    trace_error: float,
    rho: float,
    seed: int,
    batch_size: int | None,
    watch: Watch,
) -> "Curvature":
    """``top`` eigenvalues of at most ``steps`` power iterations each, and the trace of ``probes`` vectors.

    Args:
        model: as ``hessian.differentiable`` gives it, in float32, which PyHessian's vectors are.
    """
    from pyhessian import hessian

    from sd.measure.curvature import TOLERANCE, Curvature

    if images.dtype != torch.float32:
        raise ValueError(f"backend pyhessian computes in torch.float32, not in {images.dtype}")
    check_is_one_function(model, images)
    started = time.perf_counter()
    ours = Hessian(model, images, labels, loss=loss, batch_size=batch_size)
    unheard = ours.unheard()
    if unheard:
        raise ValueError(
            f"backend pyhessian needs a second derivative by every parameter, and the loss has none by "
            f"{unheard[0]}{f' and {len(unheard) - 1} more' if unheard[1:] else ''}; backend lanczos does without"
        )
    value, gradient = ours.loss_and_gradient()
    length = float(torch.linalg.vector_norm(gradient))
    sharpness = ours.loss_at(gradient * (rho / length)) - value if length else 0.0
    size = batch_size or BATCH
    watch.advance("PyHessian", 0, 2)
    # PyHessian calls backward(create_graph=True); the cycle that torch warns of is broken by the final zero_grad.
    with warnings.catch_warnings(), _counted() as count, torch.random.fork_rng():
        warnings.filterwarnings("ignore", message="Using backward\\(\\) with create_graph=True")
        torch.manual_seed(derive(seed, "pyhessian"))
        model.zero_grad(set_to_none=True)
        how: dict[str, Any] = {"data": (images, labels)}
        if len(labels) > size:
            how = {"dataloader": list(zip(images.split(size), labels.split(size), strict=True))}
        theirs = hessian(model, lambda z, y: mean_loss(z, y, loss), cuda=images.is_cuda, **how)
        values, vectors = theirs.eigenvalues(maxIter=steps, tol=TOLERANCE, top_n=top)
        of_values = dict(count)
        watch.advance("PyHessian", 1, 2)
        samples = theirs.trace(maxIter=probes, tol=-math.inf)
        residuals = [_residual(ours, v, x) for v, x in zip(values, vectors, strict=True)]
    trace = math.fsum(samples) / len(samples)
    spread = math.fsum((x - trace) ** 2 for x in samples) / max(1, len(samples) - 1)
    if not (math.isfinite(trace) and all(map(math.isfinite, values))):
        raise ValueError(f"the Hessian is not finite at this model (trace {trace}, eigenvalues {values})")
    pairs = sorted(zip(values, residuals, strict=True), reverse=True)
    stderr = math.sqrt(spread / len(samples)) if len(samples) > 1 else math.inf
    ended = all(products < steps for products in of_values.values())
    return Curvature(
        trace=trace,
        trace_stderr=stderr,
        trace_estimator="hutchinson",
        relative_trace=None,
        relative_trace_stderr=None,
        lambda_max=pairs[0][0],
        lambda_max_residual=pairs[0][1],
        lambda_min=None,
        lambda_min_residual=None,
        eigenvalues=tuple(pair[0] for pair in pairs),
        residuals=tuple(pair[1] for pair in pairs),
        nodes=(),
        weights=(),
        loss=value,
        sharpness=sharpness,
        rho=rho,
        runs=0,
        steps=sum(of_values.values()),
        probes=len(samples),
        hvps=sum(of_values.values()) + len(samples) + len(values),
        passes=0,
        converged=ended and pairs[0][0] > 0 and stderr <= trace_error * abs(trace),
        n_samples=len(labels),
        dtype="float32",
        backend="pyhessian",
        seconds=time.perf_counter() - started,
    )


def _residual(ours: Hessian, value: float, vector: list[Tensor]) -> float:
    flat = torch.cat([part.detach().flatten() for part in vector])
    return float(torch.linalg.vector_norm(ours.product(flat) - value * flat))


@contextmanager
def _counted() -> Iterator[Counter[int]]:
    """Within it the products of PyHessian's power iterations are counted, for each eigenvalue, from 0 on."""
    import pyhessian

    module = sys.modules[pyhessian.hessian.__module__]
    count: Counter[int] = Counter()
    deflate = module.orthnormal

    def before_each_product(w: Any, known: list[Any]) -> Any:
        count[len(known)] += 1
        return deflate(w, known)

    with mock.patch.object(module, "orthnormal", before_each_product):
        yield count
