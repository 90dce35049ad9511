"""The trace of the Hessian through that of the Gauss–Newton matrix: one backward pass a probe, and at last exact.

Let zᵢ be the outputs for image i, Jᵢ their Jacobian by the parameters θ, and ℓ the loss. Then

    H = G + R,   G = (1/n) Σᵢ Jᵢᵀ Aᵢ Jᵢ with Aᵢ = ∇²_z ℓᵢ,   R = (1/n) Σᵢ Σ_k (∂ℓᵢ/∂z_k) ∇²_θ z_ik.

If every output is, piece by piece, affine in each single parameter (``affine.py`` proves it of a graph), then
∂²z_ik/∂θⱼ² = 0 wherever it exists, so R has a zero diagonal and **tr H = tr G**, exactly; likewise
Σⱼ θⱼ² Hⱼⱼ = Σⱼ θⱼ² Gⱼⱼ. Networks of convolutions, batch norms in eval mode and ReLU are of that kind: all parameters
of a layer enter its output linearly, and what follows is piecewise linear. GELU, softmax and layer norm are not.

With Bᵢ Bᵢᵀ = Aᵢ and independent signs ε, E[‖Jᵢᵀ Bᵢ ε‖²] = ‖Jᵢᵀ Bᵢ‖_F², and tr G = (1/n) Σᵢ ‖Jᵢᵀ Bᵢ‖_F². So one backward
pass, with output gradient Bᵢ εᵢ for every image at once, gives an unbiased estimate, if the squared norms are taken
**image by image**: images then add no noise to one another. The ε's of an image are rows, in random order, of a
Hadamard matrix of order N whose columns have random signs: all N of them give ‖Jᵢᵀ Bᵢ‖_F² exactly, and m < N have the
variance of sampling m of N without replacement, S²ᵢ/m · (1 − m/N), S²ᵢ the sample variance.

For cross-entropy A = diag(p) − ppᵀ, the covariance of a class drawn by p. B's columns are the contrasts of the most
probable class to the rest, of the second to what then remains, and so on, each by the standard deviation of that
choice. Then the noise is in products of different columns alone, and where two classes share all the probability, as
they nearly do for most of the images that count, there is none.

Where a network's layers do not allow norms image by image, the norm of the whole batch's gradient, with random signs
for the images, has the same mean and a larger variance (``summed``).
"""

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.measure.affine import affine_in_each_parameter
from sd.measure.hessian import Loss
from sd.train.randomness import generator

PILOT_OF_AN_IMAGE, PILOT = 4, 20
"""Probes from whose spread the number of all is decided: of each image, of which there are many; of all together."""

AT_A_TIME = 4
"""Probes that share a forward pass."""

WORKING_BYTES = {"cpu": 1 << 28, "cuda": 1 << 31}
"""Bytes for the layers' inputs and gradients of the images that are worked on at a time; fixed, as in ``hessian``."""


@dataclass(frozen=True)
class Trace:
    """A trace and the scale-invariant one (Σⱼ θⱼ² Hⱼⱼ), with standard errors.

    Attributes:
        probes: vectors an image; ``passes`` forward or backward passes over the images that they cost.
        estimator: how it was found: ``gauss_newton`` (image by image), ``gauss_newton summed``, or ``hutchinson``.
    """

    trace: float
    stderr: float
    relative: float
    relative_stderr: float
    probes: int
    passes: int
    estimator: str


def applies(model: nn.Module, images: Tensor) -> bool:
    """Whether tr H = tr G for ``model``: its outputs are affine in each parameter, by the graph of a pass."""
    return affine_in_each_parameter(model(images[:1]))


def gauss_newton_trace(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    loss: Loss,
    target: float,
    probes: int,
    seed: int,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
) -> Trace:
    """tr G of the mean loss, until its standard error is ``target`` times it, or after ``probes`` vectors an image.

    Args:
        model: as ``hessian.differentiable`` gives it.
        images: floating point (n, …), on the model's device.
        labels: int64 (n,); what they are does not enter G.
        target: relative standard error; 0 goes on to the exact value, if ``probes`` allows.
        on_batch: called with the batches done and to do.
    """
    layers = _layers(model, images[:1])
    with torch.no_grad():
        classes = model(images[:1]).shape[1]
    if layers:
        size = _images_at_a_time(model, layers, images[:1])
        further: Callable[[int, int], _Sums] = partial(_by_image, model, layers, images, size, loss, seed, on_batch)
    else:
        further = partial(_by_batch, model, images, loss, seed, on_batch)
    limit: float = _order(classes) if layers else math.inf
    most = int(min(probes, limit))
    sums = _Sums.none(len(labels) if layers else 1, images.device)
    passes = 0
    wanted = min(most, PILOT_OF_AN_IMAGE if layers else PILOT)
    while sums.probes < wanted:
        count = min(wanted - sums.probes, AT_A_TIME)
        sums = sums.plus(further(sums.probes, count))
        passes += 1 + count
        if sums.probes == wanted:
            mean, variance = sums.of_one_probe()
            wanted = min(most, _needed(float(mean[0]), float(variance[0]), target, limit))
    (trace, relative), (error, relative_error) = sums.estimates(limit)
    return Trace(
        trace=trace,
        stderr=error,
        relative=relative,
        relative_stderr=relative_error,
        probes=sums.probes,
        passes=passes,
        estimator="gauss_newton" if layers else "gauss_newton summed",
    )


def _needed(mean: float, variance: float, target: float, limit: float) -> int:
    """Probes m at which sqrt(variance · (1/m − 1/limit)) reaches ``target`` · ``mean``."""
    wanted = (target * abs(mean)) ** 2 + variance / limit
    if not variance:
        return 1
    return math.ceil(variance / wanted) if wanted else int(min(limit, 1 << 30))


@dataclass(frozen=True)
class _Sums:
    """Over the probes of each image (or of all images as one): sums and sums of squares, trace and relative trace.

    Each is float64 (2, n), scaled so that the trace is the sum over n of the mean over probes.
    """

    total: Tensor
    squares: Tensor
    probes: int

    @classmethod
    def none(cls, n: int, device: torch.device) -> "_Sums":
        zeros = torch.zeros(2, n, dtype=torch.float64, device=device)
        return cls(zeros, zeros, 0)

    def plus(self, other: "_Sums") -> "_Sums":
        return _Sums(self.total + other.total, self.squares + other.squares, self.probes + other.probes)

    def of_one_probe(self) -> tuple[Tensor, Tensor]:
        """Mean (2,), and the variance that one probe would have (2,), summed over images."""
        m = self.probes
        spread = (self.squares - self.total.square() / m).clamp_min(0) / max(1, m - 1)
        return self.total.sum(1) / m, spread.sum(1)

    def estimates(self, limit: float) -> tuple[list[float], list[float]]:
        """Trace and relative trace, and their standard errors; those of all ``limit`` probes are exact."""
        mean, variance = self.of_one_probe()
        left = 1 / self.probes - 1 / limit
        errors = (variance * left).sqrt() if self.probes > 1 or left == 0 else torch.full_like(variance, math.inf)
        return mean.tolist(), errors.tolist()


def _probe(logits: Tensor, loss: Loss, before: int, count: int, draws: torch.Generator) -> Tensor:
    """Vectors B ε of each image, the ``count`` that follow the first ``before``: (count, n, classes)."""
    n, classes = logits.shape
    order = _order(classes)
    signs = torch.randint(0, 2, (n, classes), generator=draws, device=logits.device) * 2 - 1
    rows = torch.rand((n, order), generator=draws, device=logits.device).argsort(dim=1)[:, before : before + count]
    epsilon = _hadamard(rows, classes) * signs[:, None]
    vectors = epsilon.double() if loss == "mse" else _contrasts(logits.detach().double().softmax(1), epsilon)
    return vectors.to(logits.dtype).transpose(0, 1)


def _order(classes: int) -> int:
    """The order of a Hadamard matrix with a column for each class."""
    return int(2 ** math.ceil(math.log2(classes)))


def _hadamard(rows: Tensor, columns: int) -> Tensor:
    """The entries ±1 of these rows of Sylvester's matrix: (…, columns)."""
    odd = rows[..., None] & torch.arange(columns, device=rows.device)
    for shift in (16, 8, 4, 2, 1):
        odd = odd ^ (odd >> shift)
    return 1 - 2 * (odd & 1)


def _contrasts(p: Tensor, epsilon: Tensor) -> Tensor:
    """B ε for A = diag(p) − ppᵀ, with one column of B for each class but the least probable: (n, m, classes).

    Column k, of classes in falling order of p, is √(pₖ tₖ / (pₖ + tₖ)) (eₖ − Σ_{j>k} pⱼ eⱼ / tₖ), tₖ = Σ_{j>k} pⱼ.

    Args:
        p: (n, classes); ``epsilon``: (n, m, classes), whose last sign goes unused.
    """
    p, order = p.sort(dim=1, descending=True)
    tail = p.flip(1).cumsum(1).flip(1) - p
    tail[:, -1] = 0
    tail = tail.clamp_min(0)
    weight = (p * tail / (p + tail).clamp_min(1e-300)).sqrt()
    share = torch.where(tail > 0, weight / tail.clamp_min(1e-300), 0)
    on_rest = (epsilon * share[:, None]).cumsum(2) - epsilon * share[:, None]
    sorted_vectors = epsilon * weight[:, None] - p[:, None] * on_rest
    return torch.empty_like(sorted_vectors).scatter_(2, order[:, None].expand_as(sorted_vectors), sorted_vectors)


_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def _layers(model: nn.Module, image: Tensor) -> list[nn.Module]:
    """The layers that hold all of the model's parameters, if each is used once, in a way known here; else none."""
    holders = [module for module in model.modules() if list(module.parameters(recurse=False))]
    seen = [parameter for module in holders for parameter in module.parameters(recurse=False)]
    if len({id(parameter) for parameter in seen}) < len(seen) or not all(_is_plain(module) for module in holders):
        return []
    with _Watched(holders) as watched, torch.no_grad():
        model(image)
    if any(len(calls) > 1 for calls in watched.calls.values()):
        return []
    layers = [module for module in holders if len(watched.calls[module]) == 1]
    return layers if _hold_the_whole_gradient(model, layers, image) else []


def _hold_the_whole_gradient(model: nn.Module, layers: list[nn.Module], image: Tensor) -> bool:
    """Whether the layers' own gradients have, for one image, the norm of the whole gradient: they have not where a
    parameter has a part in the outputs besides its layer's, such as a weight that is used as a function's argument."""
    draws = generator(image.device, 0, "whole gradient")
    with _Watched(layers) as watched:
        logits = model(image)
    vector = torch.randn(logits.shape, generator=draws, device=image.device, dtype=logits.dtype)
    whole = torch.autograd.grad(logits, list(model.parameters()), vector, retain_graph=True, allow_unused=True)
    wanted = sum(float(part.double().square().sum()) for part in whole if part is not None)
    calls = [(module, *watched.calls[module][0]) for module in layers]
    grads = torch.autograd.grad(logits, [edge for _, _, edge, _ in calls], vector, allow_unused=True)
    found = sum(
        float(_squared_norms(module, x, grad[:, None])[0, 0, 0])
        for (module, x, _, _), grad in zip(calls, grads, strict=True)
        if grad is not None
    )
    return math.isclose(found, wanted, rel_tol=1e-3, abs_tol=1e-30)


def _is_plain(module: nn.Module) -> bool:
    """Whether the module is a layer as torch defines it: a subclass may compute anything."""
    if torch.nn.utils.parametrize.is_parametrized(module) or module._forward_hooks or module._forward_pre_hooks:
        return False
    if type(module) is nn.Conv2d:
        return module.padding_mode == "zeros" and not isinstance(module.padding, str)
    return type(module) in (nn.Linear, *_BATCH_NORMS)


class _Watched(ExitStack):
    """Within it the calls of some layers are noted: the input, and the edge of the graph at the output."""

    def __init__(self, modules: list[nn.Module]) -> None:
        super().__init__()
        self.calls: dict[nn.Module, list[tuple[Tensor, Any, torch.Size]]] = {module: [] for module in modules}
        for module in modules:
            self.callback(module.register_forward_hook(self._note).remove)

    def _note(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # The edge, not the tensor: an activation may overwrite the tensor in place.
        edge = torch.autograd.graph.get_gradient_edge(output) if output.requires_grad else None
        self.calls[module].append((inputs[0].detach(), edge, output.shape))


def _by_image(
    model: nn.Module,
    layers: list[nn.Module],
    images: Tensor,
    size: int,
    loss: Loss,
    seed: int,
    on_batch: Callable[[int, int], None],
    before: int,
    count: int,
) -> _Sums:
    """``count`` further probes of each image, after the first ``before``; ``size`` images at a time."""
    n = len(images)
    found = []
    for index, batch in enumerate(images.split(size)):
        on_batch(index, math.ceil(n / size))
        with _Watched(layers) as watched:
            logits = model(batch)
        probes = _probe(logits, loss, before, count, generator(images.device, seed, "probe", index))
        noted = [(module, *watched.calls[module][0]) for module in layers]
        edges = [edge for _, _, edge, _ in noted]
        grads = [torch.autograd.grad(logits, edges, probe, retain_graph=True, allow_unused=True) for probe in probes]
        squares = torch.zeros(len(batch), count, 2, dtype=torch.float64, device=images.device)
        for place, (module, x, _, _) in enumerate(noted):
            of_layer = [one[place] for one in grads]
            if of_layer[0] is not None:
                squares += _squared_norms(module, x, torch.stack([one for one in of_layer if one is not None], 1))
        found.append(squares / n)
    each = torch.cat(found).permute(2, 0, 1)
    return _Sums(each.sum(2), each.square().sum(2), count)


def _squared_norms(module: nn.Module, x: Tensor, grad: Tensor) -> Tensor:
    """‖g‖² and Σ θ² g² of a layer's own gradient g, image by image: float64 (n, probes, 2).

    Args:
        x: the layer's input, (n, …).
        grad: gradients of its output, (n, probes, …).
    """
    n, m = grad.shape[:2]
    weight, bias = module.get_parameter("weight"), module._parameters.get("bias")
    if isinstance(module, nn.Conv2d):
        return _of_convolution(module, x, grad)
    if isinstance(module, nn.Linear):
        left, right = grad.reshape(n, m, -1, grad.shape[-1]), x.reshape(n, 1, -1, x.shape[-1])
        by_weight = (left.transpose(2, 3) @ right).flatten(2)
        by_bias = left.sum(2)
    else:
        assert isinstance(module, _BATCH_NORMS)
        assert module.running_mean is not None
        assert module.running_var is not None
        shape = (1, 1, -1) + (1,) * (grad.ndim - 3)
        scaled = (x - module.running_mean.view(shape[1:])) * (module.running_var + module.eps).rsqrt().view(shape[1:])
        by_weight = (grad * scaled[:, None]).flatten(3).sum(3) if grad.ndim > 3 else grad * scaled[:, None]
        by_bias = grad.flatten(3).sum(3) if grad.ndim > 3 else grad
    found = _with_weight(by_weight, weight)
    return found if bias is None else found + _with_weight(by_bias, bias)


def _of_convolution(module: nn.Conv2d, x: Tensor, grad: Tensor) -> Tensor:
    """Per-image weight gradients are products of the output's gradient with the input's patches."""
    n, m, channels = grad.shape[:3]
    assert not isinstance(module.padding, str)
    patches = F.unfold(x, module.kernel_size, module.dilation, module.padding, module.stride)
    groups = module.groups
    patches = patches.view(n, groups, -1, patches.shape[-1])
    rows = grad.reshape(n, m, groups, channels // groups, -1).transpose(1, 2).flatten(2, 3)
    by_weight = (rows @ patches.transpose(2, 3)).view(n, groups, m, -1).transpose(1, 2).reshape(n, m, -1)
    found = _with_weight(by_weight, module.weight)
    if module.bias is not None:
        found = found + _with_weight(grad.flatten(3).sum(3), module.bias)
    return found


def _with_weight(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Sums of g² and θ² g² over the last dimension, float64."""
    theta = parameter.detach().reshape(-1)
    columns = torch.stack([torch.ones_like(theta), theta.square()], 1)
    return (gradient.square_() @ columns).double()


def _images_at_a_time(model: nn.Module, layers: list[nn.Module], image: Tensor) -> int:
    """How many images fit :data:`WORKING_BYTES`, the same for every round: probes are drawn batch by batch."""
    with _Watched(layers) as watched, torch.no_grad():
        model(image)
    all_grads, largest = 0, 0
    for module in layers:
        x, _, shape = watched.calls[module][0]
        all_grads += shape.numel() * (AT_A_TIME + 2)
        largest = max(largest, x.numel() * _patch(module) + module.get_parameter("weight").numel() * 2 * AT_A_TIME)
    budget = WORKING_BYTES["cuda" if image.is_cuda else "cpu"]
    return max(1, budget // ((all_grads + largest) * image.dtype.itemsize))


def _patch(module: nn.Module) -> int:
    return math.prod(module.kernel_size) if isinstance(module, nn.Conv2d) else 1


_SUMMED = 16
"""Images whose gradients are summed: the fewer, the smaller the variance, and the more passes."""


def _by_batch(
    model: nn.Module,
    images: Tensor,
    loss: Loss,
    seed: int,
    on_batch: Callable[[int, int], None],
    before: int,
    count: int,
) -> _Sums:
    """``count`` further probes of all images together, each the sum of the batches' squared norms."""
    parameters = list(model.parameters())
    n = len(images)
    values = torch.zeros(2, count, dtype=torch.float64, device=images.device)
    for index, batch in enumerate(images.split(_SUMMED)):
        on_batch(index, math.ceil(n / _SUMMED))
        logits = model(batch)
        for k in range(count):
            draws = generator(images.device, seed, "summed", index, before + k)
            vector = _probe(logits, loss, 0, 1, draws)[0]
            gradient = torch.autograd.grad(logits, parameters, vector, retain_graph=True, allow_unused=True)
            for parameter, part in zip(parameters, gradient, strict=True):
                if part is not None:
                    values[:, k] += _with_weight(part.reshape(1, -1), parameter)[0] / n
    return _Sums(values.sum(1, keepdim=True), values.square().sum(1, keepdim=True), count)
