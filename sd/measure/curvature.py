"""Curvature of the loss at a trained model, from one set of Hessian-vector products, each figure with its error.

What is measured once is used for everything: the products of one Lanczos run give the extreme eigenvalues and the
spectral density, and their eigenvectors take the largest part out of the trace's variance. Where the network allows
it the trace needs no product at all (``gauss_newton``).
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sd.measure import gauss_newton
from sd.measure.gauss_newton import Trace
from sd.measure.hessian import Hessian, Loss, check_labels, differentiable
from sd.measure.hutchinson import deflated_trace
from sd.measure.lanczos import Array, Lanczos, Ritz
from sd.measure.scratch import Scratch
from sd.measure.watch import Watch, bar
from sd.train.randomness import generator

Backend = Literal["lanczos", "pyhessian"]
Places = npt.NDArray[np.intp]

TOLERANCE = 1e-3
"""Residual of a converged eigenpair, as a fraction of the eigenvalue."""

ROUNDING = 100.0
"""Residuals are no smaller than this many units of rounding of the largest eigenvalue: the products are those of a
model that rounds in each layer, so their eigenvalues are off even where Lanczos is exact (float32 against float64: 1 to
7 units for small ReLU networks, 20 for attention, 89 for a VGG16 that diverged)."""

MEMORY = 8 << 30
"""Bytes for the basis and for graphs that are kept, on a CPU; on a GPU half of what is free at the start."""

_DEFLATED_BYTES = 2 << 30
"""Bytes for eigenvectors that are taken out; fixed, because the estimate depends on how many there are."""

_SIMPLE = 25.0
"""p times the squared component of a random start along a simple eigenvector is χ² with one degree of freedom: 25 is
surpassed once in two million times. Where it is, the Ritz value stands for more than one eigenvalue."""


@dataclass(frozen=True)
class Curvature:
    """The Hessian H of the mean loss over a set of images, by all parameters of a model in eval mode.

    Attributes:
        trace: tr H, with its standard error ``trace_stderr`` (0 where it is exact).
        trace_estimator: how it was found: ``gauss_newton``, ``gauss_newton summed``, ``hutchinson``, or, where all
            eigenvalues were found, ``whole spectrum``.
        relative_trace: Σⱼ θⱼ² Hⱼⱼ, which no rescaling of weights that leaves the network's function alone can change
            (the objection of Dinh et al., 2017, to the trace), with its standard error.
        lambda_max, lambda_min: largest and smallest eigenvalue.
        lambda_max_residual, lambda_min_residual: ‖Hy − λy‖ for the Ritz vector y: an eigenvalue is this close to λ.
        eigenvalues: the ``top`` largest, descending, with their ``residuals``.
        nodes, weights: the spectral density as a quadrature: Σ w f(node) ≈ tr f(H) / p, ascending, Σ w = 1.
        loss: the mean loss of the images; ``sharpness`` is how much it rises at one step of length ``rho`` along its
            gradient, the first-order worst case in the ρ-ball (Foret et al., 2021).
        steps: of Lanczos, over all runs; ``runs`` random starts.
        probes: random vectors for the trace (an image each, for ``gauss_newton``).
        hvps: Hessian-vector products in all, each over all images; ``passes`` of forward or backward besides.
        converged: all of ``eigenvalues`` and ``lambda_min`` have residuals of at most a thousandth of the largest
            magnitude among them, and the trace reached the error that was asked for (for PyHessian see
            :mod:`sd.measure.pyhessian_backend`).
        n_samples: images.
        dtype: of the products.
        seconds: wall time.
    """

    trace: float
    trace_stderr: float
    trace_estimator: str
    relative_trace: float | None
    relative_trace_stderr: float | None
    lambda_max: float
    lambda_max_residual: float
    lambda_min: float | None
    lambda_min_residual: float | None
    eigenvalues: tuple[float, ...]
    residuals: tuple[float, ...]
    nodes: tuple[float, ...]
    weights: tuple[float, ...]
    loss: float
    sharpness: float
    rho: float
    runs: int
    steps: int
    probes: int
    hvps: int
    passes: int
    converged: bool
    n_samples: int
    dtype: str
    backend: Backend
    seconds: float


def curvature(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    loss: Loss = "ce",
    probes: int = 100,
    steps: int = 60,
    top: int = 1,
    runs: int = 1,
    trace_error: float = 0.01,
    rho: float = 0.05,
    batch_size: int | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    backend: Backend = "lanczos",
    memory: int | None = None,
    scratch: Path | Scratch | None = None,
    watch: Watch | None = None,
) -> Curvature:
    """Measure the curvature of ``model`` in eval mode (its mode, weights and gradients are as before at the end).

    Args:
        images: floating point, normalised, (n, …) as the model takes them, on its device; no augmentation.
        labels: int64, (n,).
        probes: the most random vectors for the trace.
        steps: Lanczos steps, one product each, of every run. 30 find the largest eigenvalue, 300 the first hundred.
        top: how many of the largest eigenvalues to give.
        runs: random starts of the density; what they share, the eigenvectors found by the first, is taken out.
        trace_error: standard error, as a fraction of the trace, at which no more probes are drawn.
        rho: radius of the sharpness, in the norm of the weights.
        batch_size: images whose gradient graph is held at a time; chosen by memory by default.
        seed: of every random vector.
        dtype: torch.float32 or torch.float64; lower precision is of no use for second derivatives.
        backend: ``lanczos``, ours; ``pyhessian``, the paper's tool (see :mod:`sd.measure.pyhessian_backend`).
        memory: bytes for the basis and kept graphs; a basis that is larger lies in a file.
        scratch: a folder for partial results, from which the measure goes on if it is stopped or killed; removed at the
            end (a :class:`Scratch` is left to its owner).
        watch: is told what is needed and how far it is; by default a progress bar, on a terminal.

    Raises:
        NotOneFunction: the model drops out at random, or normalises by its batch.
        ValueError: the Hessian holds NaN or infinity at this model, or an argument is out of its range.
        IndexError: a label is not one of the model's classes.
    """
    _check(images, labels, probes, steps, top, runs, trace_error, rho, dtype, backend)
    with ExitStack() as stack:
        watch = watch or stack.enter_context(bar())
        asked = (loss, probes, steps, runs, trace_error, batch_size, seed, dtype)
        kept = (
            scratch
            if isinstance(scratch, Scratch)
            else Scratch.at(scratch, fingerprint_of, model, images, labels, *asked)
        )
        stack.enter_context(torch.enable_grad())
        ready = stack.enter_context(differentiable(model, dtype))
        images = images.to(dtype)
        if backend == "pyhessian":
            from sd.measure.pyhessian_backend import measured_by_pyhessian

            return measured_by_pyhessian(
                ready,
                images,
                labels,
                loss=loss,
                probes=probes,
                steps=steps,
                top=top,
                trace_error=trace_error,
                rho=rho,
                seed=seed,
                batch_size=batch_size,
                watch=watch,
            )
        measurement = _Measurement(
            ready, images, labels, loss, probes, steps, runs, trace_error, seed, kept, watch, batch_size, memory
        )
        found = measurement.take(top, rho)
        if kept is not scratch:
            kept.clear()
        return found


def top_eigenvectors(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    count: int = 2,
    steps: int = 60,
    loss: Loss = "ce",
    seed: int = 0,
    watch: Watch | None = None,
) -> tuple[list[float], Tensor]:
    """The ``count`` largest eigenvalues of the Hessian, descending, and their eigenvectors as rows (count, p).

    Each is signed so that its entry of largest magnitude is positive; see :func:`curvature` for the arguments.
    """
    with ExitStack() as stack:
        watch = watch or stack.enter_context(bar())
        stack.enter_context(torch.enable_grad())
        ready = stack.enter_context(differentiable(model, images.dtype))
        measurement = _Measurement(
            ready, images, labels, loss, 1, steps, 1, 1.0, seed, Scratch(None), watch, None, None
        )
        return measurement.largest(count)


def fingerprint_of(model: nn.Module, *parts: object) -> str:
    """SHA-256 of a model's weights and buffers and of all else that a measure depends on; tensors by their content."""
    total = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        total.update(name.encode())
        total.update(_bytes(tensor))
    for part in parts:
        total.update(_bytes(part) if isinstance(part, Tensor) else repr(part).encode())
    return total.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def _check(
    images: Tensor,
    labels: Tensor,
    probes: int,
    steps: int,
    top: int,
    runs: int,
    trace_error: float,
    rho: float,
    dtype: torch.dtype,
    backend: str,
) -> None:
    check_labels(images, labels)
    if backend not in get_args(Backend):
        raise ValueError(f"backend is {backend!r}; there are {' and '.join(get_args(Backend))}")
    if not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}; give them normalised, in floating point")
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype is {dtype}; second derivatives need torch.float32 or torch.float64")
    for name, value in (("probes", probes), ("steps", steps), ("top", top), ("runs", runs)):
        if value < 1:
            raise ValueError(f"{name} is {value}; give 1 or more")
    if top > steps:
        raise ValueError(
            f"top is {top} and steps {steps}: each eigenvalue takes a step at least; give steps: {3 * top}"
        )
    if not (trace_error >= 0 and rho > 0):
        raise ValueError(f"trace_error is {trace_error} and rho {rho}; give a fraction from 0 on and a positive radius")


@dataclass
class _Measurement:
    """One measurement of one model; the fields are the arguments of :func:`curvature`."""

    model: nn.Module
    images: Tensor
    labels: Tensor
    loss: Loss
    probes: int
    steps: int
    runs: int
    trace_error: float
    seed: int
    scratch: Scratch
    watch: Watch
    batch_size: int | None
    memory: int | None

    def __post_init__(self) -> None:
        free = self.memory if self.memory is not None else _memory(self.images.device)
        if self.images.ndim == 4:
            self.images = self.images.contiguous(memory_format=torch.channels_last)
        self.size = sum(parameter.numel() for parameter in self.model.parameters())
        self.steps = min(self.steps, self.size)
        basis = (self.steps + 1) * self.size * self.images.dtype.itemsize
        self.resident = basis <= free
        keep = free - basis if self.resident else 0
        self.hessian = Hessian(
            self.model, self.images, self.labels, loss=self.loss, batch_size=self.batch_size, keep_bytes=keep
        )
        self.watch.say(_stated(self.hessian, self.steps, basis, resident=self.resident))

    def take(self, top: int, rho: float) -> Curvature:
        """All figures of it."""
        loss, sharpness = self._loss_and_sharpness(rho)
        exact = gauss_newton.applies(self.model, self.images)
        trace = self._gauss_newton() if exact else None
        first = self._lanczos(0, self._start(0), None)
        ritz = first.run(self._said("Lanczos"))
        outliers = _outliers(ritz, self.size, _DEFLATED_BYTES // (self.size * self.images.dtype.itemsize))
        further = []
        if ritz.complete:
            trace = trace or self._of_whole_spectrum(first, ritz)
        elif trace is None or self.runs > 1:
            vectors = first.basis.combine(ritz.coefficients[:, outliers])
            del first  # and with it the memory of its basis
            further = [self._further(vectors, run) for run in range(1, self.runs)]
            trace = trace or self._hutchinson(vectors, ritz.values[outliers].tolist())
        assert trace is not None
        nodes, weights = _quadrature(ritz, outliers, further, self.size)
        taken = len(ritz.values) + sum(len(one.values) for one in further)
        rounding = ROUNDING * torch.finfo(self.images.dtype).eps * np.abs(ritz.values).max()
        values, residuals = ritz.values[::-1], np.maximum(ritz.residuals[::-1], rounding)
        worst = max(*residuals[:top], residuals[-1])
        precise = trace.stderr <= self.trace_error * abs(trace.trace)
        return Curvature(
            trace=trace.trace,
            trace_stderr=trace.stderr,
            trace_estimator=trace.estimator,
            relative_trace=trace.relative,
            relative_trace_stderr=trace.relative_stderr,
            lambda_max=float(values[0]),
            lambda_max_residual=float(residuals[0]),
            lambda_min=float(values[-1]),
            lambda_min_residual=float(residuals[-1]),
            eigenvalues=tuple(values[:top].tolist()),
            residuals=tuple(residuals[:top].tolist()),
            nodes=tuple(nodes.tolist()),
            weights=tuple(weights.tolist()),
            loss=loss,
            sharpness=sharpness,
            rho=rho,
            runs=1 + len(further),
            steps=taken,
            probes=trace.probes,
            hvps=taken + (trace.probes if trace.estimator == "hutchinson" else 0),
            passes=trace.passes,
            converged=bool(worst <= TOLERANCE * np.abs(values).max()) and precise,
            n_samples=len(self.labels),
            dtype=str(self.images.dtype).removeprefix("torch."),
            backend="lanczos",
            seconds=self.scratch.seconds,
        )

    def largest(self, count: int) -> tuple[list[float], Tensor]:
        """The largest eigenvalues and their eigenvectors."""
        lanczos = self._lanczos(0, self._start(0), None)
        ritz = lanczos.run(self._said("Lanczos"))
        places = np.argsort(-ritz.values, kind="stable")[:count]
        vectors = lanczos.basis.combine(ritz.coefficients[:, places])
        signs = vectors.gather(1, vectors.abs().argmax(1, keepdim=True)).sign()
        return ritz.values[places].tolist(), vectors * signs

    def _loss_and_sharpness(self, rho: float) -> tuple[float, float]:
        """To be asked before any graph is kept: the weights move, and graphs remember which weights they are of."""
        loss, gradient = self.hessian.loss_and_gradient()
        if not math.isfinite(loss):
            raise ValueError(f"the loss is {loss} at this model, so the Hessian is not finite")
        length = float(torch.linalg.vector_norm(gradient, dtype=torch.float64))
        return loss, self.hessian.loss_at(gradient * (rho / length)) - loss if length else 0.0

    def _gauss_newton(self) -> Trace:
        known = self.scratch.kept("trace")
        if known is not None:
            return Trace(**known)
        found = gauss_newton.gauss_newton_trace(
            self.model,
            self.images,
            self.labels,
            loss=self.loss,
            target=self.trace_error,
            probes=self.probes,
            seed=self.seed,
            on_batch=self._said("trace"),
        )
        self.scratch.keep("trace", asdict(found))
        return found

    def _hutchinson(self, vectors: Tensor, values: list[float]) -> Trace:
        return deflated_trace(
            self.hessian,
            vectors,
            values,
            target=self.trace_error,
            probes=self.probes,
            seed=self.seed,
            scratch=self.scratch,
            on_probe=self._said("trace"),
        )

    def _of_whole_spectrum(self, lanczos: Lanczos, ritz: Ritz) -> Trace:
        """Where Lanczos has found every eigenvalue, the trace is their sum."""
        squares = lanczos.basis.combine(ritz.coefficients).double().square()
        relative = float(torch.as_tensor(ritz.values).to(squares) @ squares @ self.hessian.weights().double().square())
        return Trace(float(ritz.values.sum()), 0.0, relative, 0.0, 0, 0, "whole spectrum")

    def _start(self, run: int) -> Tensor:
        """Random signs, of norm one."""
        draws = generator(self.images.device, self.seed, "start", run)
        signs = torch.randint(0, 2, (self.size,), generator=draws, device=self.images.device) * 2 - 1
        return signs.to(self.images.dtype) / math.sqrt(self.size)

    def _further(self, vectors: Tensor, run: int) -> Ritz:
        """A run from another start, orthogonal to the eigenvectors that are known."""
        start = self._start(run)
        for _ in range(2):
            start = start - vectors.T @ (vectors @ start)
        start /= torch.linalg.vector_norm(start, dtype=torch.float64).to(start.dtype)
        return self._lanczos(run, start, vectors).run(self._said(f"Lanczos, start {run + 1} of {self.runs}"))

    def _lanczos(self, run: int, start: Tensor, against: Tensor | None) -> Lanczos:
        return Lanczos(
            self.hessian.product,
            start,
            self.steps,
            seed=self.seed,
            against=against,
            scratch=self.scratch,
            name=f"run-{run}",
            resident=self.resident,
        )

    def _said(self, doing: str) -> Callable[[int, int], None]:
        return lambda done, total: self.watch.advance(doing, done, total)


def _memory(device: torch.device) -> int:
    return int(torch.cuda.mem_get_info(device)[0] // 2) if device.type == "cuda" else MEMORY


def _stated(hessian: Hessian, steps: int, basis_bytes: int, *, resident: bool) -> str:
    """What a measurement will need, in one line."""
    held = hessian.memory.graphs + hessian.memory.vectors + (basis_bytes if resident else 0)
    where = "in memory" if resident else "in a file"
    return (
        f"curvature: {hessian.size / 1e6:.3g} M parameters, {hessian.n_samples} images in batches of "
        f"{hessian.batch_size}: about {held / 1e9:.2g} GB of memory besides the model and the images "
        f"(graphs {hessian.memory.graphs / 1e9:.2g}, vectors {hessian.memory.vectors / 1e9:.2g}; "
        f"a basis of {steps + 1} vectors, {basis_bytes / 1e9:.2g} GB, {where})"
    )


def _outliers(ritz: Ritz, size: int, most: int) -> Places:
    """Places of the Ritz pairs that are eigenpairs of simple eigenvalues, those of the bulk stand for many: at most
    ``most``, the largest in magnitude."""
    magnitude = np.abs(ritz.values)
    is_one = (ritz.residuals <= TOLERANCE * magnitude) & (magnitude > 1e-6 * magnitude.max())
    found = np.flatnonzero(is_one & (size * ritz.weights <= _SIMPLE))
    return found[np.argsort(-magnitude[found], kind="stable")][: max(1, most)]


def _quadrature(first: Ritz, outliers: Places, further: list[Ritz], size: int) -> tuple[Array, Array]:
    """Nodes, ascending, and weights of the spectral density.

    An eigenpair that is known has weight 1/p, whatever the start's component along it happened to be; the rest of the
    spectrum has the quadrature of each run, in equal shares. So the part of the density's moments that varies most
    from start to start, that of the few large eigenvalues, is exact.
    """
    if first.complete:
        return first.values, np.full(len(first.values), 1 / size)
    rest = np.setdiff1d(np.arange(len(first.values)), outliers)
    runs = [(first.values[rest], first.weights[rest]), *((one.values, one.weights) for one in further)]
    share = (1 - len(outliers) / size) / len(runs)
    nodes = np.concatenate([first.values[outliers], *(values for values, _ in runs)])
    weights = np.concatenate(
        [np.full(len(outliers), 1 / size), *(share * weights / weights.sum() for _, weights in runs)]
    )
    order = np.argsort(nodes, kind="stable")
    return nodes[order], weights[order]


def spectral_density(nodes: Sequence[float], weights: Sequence[float], at: Array, *, width: float) -> Array:
    """The density at the points ``at``: each node a Gaussian of standard deviation ``width``."""
    distance = (at[:, None] - np.array(nodes)) / width
    bells: Array = np.exp(-0.5 * distance**2) / (width * math.sqrt(2 * math.pi))
    density: Array = bells @ np.array(weights)
    return density
