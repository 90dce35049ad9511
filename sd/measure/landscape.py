"""Loss surfaces: the loss on a plane or a line through a model's weights, evaluated in place.

The random directions are those of Li et al. (2018): normal numbers, each filter scaled to the norm of the model's own
filter, nothing along batch norms and biases. Directions of one seed are the same for all models of an architecture, up
to that scaling, so surfaces of a teacher and its students can be laid beside each other (spec H20).
"""

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from sd.measure.curvature import fingerprint_of
from sd.measure.hessian import check_is_one_function, check_labels
from sd.measure.scratch import Scratch
from sd.measure.watch import Watch, bar
from sd.train.randomness import generator
from sd.train.teacher import folded

Normalisation = Literal["filter", "none"]
Statistics = Literal["kept", "recomputed"]

Direction = list[Tensor]
"""A tensor for each parameter, in the order of ``model.parameters()``."""


@dataclass(frozen=True)
class Surface:
    """Mean cross-entropy, in nats, and accuracy, in percent, at the weights θ + x·d₁ + y·d₂.

    Attributes:
        xs, ys: coordinates; ``ys`` is (0,) for a line.
        losses, top1: one row for each y, of a number for each x.
        norms: lengths of d₁ and d₂, over all parameters.
        n_samples: images.
        seconds: wall time.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    losses: tuple[tuple[float, ...], ...]
    top1: tuple[tuple[float, ...], ...]
    norms: tuple[float, ...]
    n_samples: int
    seconds: float


def random_directions(
    model: nn.Module, *, count: int = 2, seed: int = 0, normalise: Normalisation = "filter"
) -> list[Direction]:
    """Normal directions, drawn on the CPU so that every device has the same, and scaled filter by filter.

    Zero along parameters of one dimension (batch norm, biases), which a rescaling of filters does not concern; with
    ``normalise="none"`` they too are random, and nothing is scaled.
    """
    found = []
    for index in range(count):
        direction = []
        for place, parameter in enumerate(model.parameters()):
            draws = generator(torch.device("cpu"), seed, "direction", index, place)
            drawn = torch.randn(parameter.shape, generator=draws).to(parameter)
            direction.append(drawn if normalise == "none" else _scaled_to(drawn, parameter.detach()))
        found.append(direction)
    return found


def direction_to(model: nn.Module, other: nn.Module) -> Direction:
    """From one model's weights to another's of the same architecture: x = 0 is ``model``, x = 1 is ``other``."""
    if [a.shape for a in model.parameters()] != [b.shape for b in other.parameters()]:
        raise ValueError("the two models have parameters of different shapes; give two of one architecture")
    return [(b - a).detach() for a, b in zip(model.parameters(), other.parameters(), strict=True)]


def as_direction(model: nn.Module, vector: Tensor) -> Direction:
    """A vector over all parameters, (p,), such as a Hessian's eigenvector, as a direction."""
    parts = vector.split([parameter.numel() for parameter in model.parameters()])
    return [part.view(p.shape).to(p) for part, p in zip(parts, model.parameters(), strict=True)]


def landscape(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    span: float = 1.0,
    points: int = 51,
    seed: int = 0,
    normalise: Normalisation = "filter",
    directions: Sequence[Direction] | None = None,
    line: bool = False,
    ends: tuple[float, float] | None = None,
    statistics: Statistics = "kept",
    batch_size: int = 500,
    scratch: Path | Scratch | None = None,
    name: str = "rows",
    watch: Watch | None = None,
) -> Surface:
    """The loss on a square (a segment, with ``line``) around the model, in eval mode and without augmentation.

    The model's weights, statistics and mode are as before at the end.

    Args:
        images: floating point, normalised, (n, …), on the model's device.
        labels: int64, (n,).
        span: x and y go from −span to span; ``ends`` gives others.
        points: number of values of each coordinate; an odd number has the model itself at its centre.
        seed, normalise: of the random directions (:func:`random_directions`).
        directions: other directions instead, one for a line, two for a plane.
        statistics: running statistics of batch norms at a point: the model's own (``kept``, as Li et al. do), or
            ``recomputed`` on the images at each point, without which the loss between two models is mostly that of
            their activations' collapsed variance (Jordan et al., 2023).
        scratch: a folder in which finished rows are kept, under ``name``, and from which an interrupted surface goes
            on.

    Raises:
        NotOneFunction: the model drops out at random, or normalises by its batch.
        ValueError: a direction does not fit the model, an argument is out of its range, or the loss of a point is not
            finite, as of a model with NaN in its weights or far too large a span.
    """
    check_labels(images, labels)
    if points < 1 or not span > 0:
        raise ValueError(f"points is {points} and span {span}; give a point at least and a positive span")
    chosen = list(directions or random_directions(model, count=1 if line else 2, seed=seed, normalise=normalise))
    shapes = [parameter.shape for parameter in model.parameters()]
    if len(chosen) != (1 if line else 2) or any([part.shape for part in one] != shapes for one in chosen):
        raise ValueError(f"give {'one direction' if line else 'two directions'} with a tensor for each parameter")
    low, high = ends or (-span, span)
    gaps = max(1, points - 1)
    xs = [(low * (gaps - i) + high * i) / gaps for i in range(points)]  # so that the middle of a square is 0 exactly
    ys = [0.0] if line else xs
    with ExitStack() as stack:
        watch = watch or stack.enter_context(bar())
        own = not isinstance(scratch, Scratch)
        if not isinstance(scratch, Scratch):
            parts = [part for one in chosen for part in one]
            scratch = Scratch.at(scratch, fingerprint_of, model, images, labels, xs, ys, statistics, *parts)
        stack.enter_context(torch.autocast(images.device.type, enabled=False))
        walker = stack.enter_context(_Walker.over(model, images, labels, chosen, statistics, batch_size))
        known = scratch.kept(name) or {"rows": [], "seconds": 0.0}
        rows: list[list[tuple[float, float]]] = known["rows"]
        started = time.monotonic() - known["seconds"]

        def keep() -> None:
            scratch.keep(name, {"rows": rows, "seconds": time.monotonic() - started})

        try:
            while len(rows) < len(ys):
                row: list[tuple[float, float]] = []
                for x in xs:
                    watch.advance("loss surface", len(rows) * points + len(row), len(ys) * points)
                    found = walker.at(x, ys[len(rows)])
                    if not math.isfinite(found[0]):
                        raise ValueError(f"the loss is {found[0]} at x = {x:g}, y = {ys[len(rows)]:g} of the surface")
                    row.append(found)
                rows.append(row)
                if scratch.is_due():
                    keep()
        except BaseException:
            with contextlib.suppress(OSError):  # what stopped it should be seen, not a disk that is full besides
                keep()
            raise
        seconds = time.monotonic() - started
        if own:
            scratch.clear()
    return Surface(
        xs=tuple(xs),
        ys=tuple(ys),
        losses=tuple(tuple(loss for loss, _ in row) for row in rows),
        top1=tuple(tuple(top1 for _, top1 in row) for row in rows),
        norms=tuple(math.sqrt(sum(float(part.double().square().sum()) for part in one)) for one in chosen),
        n_samples=len(labels),
        seconds=seconds,
    )


class _Walker:
    """A model whose weights are moved, and the images on which it is scored.

    Batch norms are folded into the convolutions before them at each point, which costs as much as a layer's weights
    and saves two passes over its activations; where that cannot be done the model itself is scored.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        directions: list[Direction],
        statistics: Statistics,
        batch_size: int,
    ) -> None:
        self._model, self._directions, self._statistics = model, directions, statistics
        self._centre = [parameter.detach().clone() for parameter in model.parameters()]
        if images.ndim == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        self._batches = list(zip(images.split(batch_size), labels.split(batch_size), strict=True))
        self._n = len(labels)
        self._fast = _Folded.of(model) if statistics == "kept" else None

    @classmethod
    @contextmanager
    def over(
        cls,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        directions: list[Direction],
        statistics: Statistics,
        batch_size: int,
    ) -> Iterator["_Walker"]:
        """Within it the model is moved about; at the end all is as before."""
        state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        modes = [(module, module.training) for module in model.modules()]
        model.eval()
        try:
            check_is_one_function(model, images)
            yield cls(model, images, labels, directions, statistics, batch_size)
        finally:
            model.load_state_dict(state)
            for module, training in modes:
                module.training = training

    @torch.no_grad()
    def at(self, x: float, y: float) -> tuple[float, float]:
        """Mean loss and accuracy at θ + x·d₁ + y·d₂."""
        places = (x, y)[: len(self._directions)]
        for index, (parameter, centre) in enumerate(zip(self._model.parameters(), self._centre, strict=True)):
            parameter.copy_(centre)
            for place, direction in zip(places, self._directions, strict=True):
                parameter.add_(direction[index], alpha=place)
        if self._statistics == "recomputed":
            self._recompute()
        scored: Callable[[Tensor], Tensor] = self._fast.refreshed() if self._fast else self._model
        loss = right = torch.zeros((), dtype=torch.float64, device=self._centre[0].device)
        for images, labels in self._batches:
            logits = scored(images)
            loss = loss + F.cross_entropy(logits.double(), labels, reduction="sum")
            right = right + (logits.argmax(1) == labels).sum()
        return float(loss) / self._n, 100 * float(right) / self._n

    def _recompute(self) -> None:
        norms = [m for m in self._model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.train()
        seen = 0
        for images, _ in self._batches:
            seen += len(images)
            for norm in norms:
                norm.momentum = len(images) / seen  # so that in the end each image has the same weight
            self._model(images)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()


class _Folded:
    """A copy of a model with its batch norms folded into the convolutions before them, kept up to date with it."""

    def __init__(self, model: nn.Module, copied: nn.Module, pairs: dict[str, str]) -> None:
        """``pairs``: names of the convolutions, and of the norms that were folded into them."""
        self._model, self._copied, self._pairs = model, copied, pairs
        layers = dict(model.named_modules())
        self._folded = [(copied.get_submodule(conv), layers[conv], layers[norm]) for conv, norm in pairs.items()]
        own = dict(model.named_parameters())
        self._same = [
            (parameter, own[name])
            for name, parameter in copied.named_parameters()
            if name.rpartition(".")[0] not in pairs
        ]

    @classmethod
    def of(cls, model: nn.Module) -> "_Folded | None":
        """``None`` where there is nothing to fold, or nothing that can be (``sd.train.teacher.folded``)."""
        frozen = copy.deepcopy(model).requires_grad_(False)
        fused = folded(frozen)
        if not isinstance(fused, fx.GraphModule):
            return None
        left = {node.target for node in fused.graph.nodes if node.op == "call_module"}
        norms = [node for node in fx.symbolic_trace(frozen).graph.nodes if isinstance(node.target, str)]
        pairs = {
            node.args[0].target: node.target for node in norms if node.op == "call_module" and node.target not in left
        }
        return cls(model, fused, pairs)

    def refreshed(self) -> nn.Module:
        """The copy, with the weights that the model has now."""
        for target, conv, norm in self._folded:
            assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            linear = isinstance(conv, nn.Linear)
            fuse = fuse_linear_bn_weights if linear else fuse_conv_bn_weights
            fused = fuse(
                conv.get_parameter("weight"),
                conv._parameters.get("bias"),
                norm.running_mean,
                norm.running_var,
                norm.eps,
                norm.weight,
                norm.bias,
            )
            for name, value in zip(("weight", "bias"), fused, strict=True):
                target.get_parameter(name).copy_(value)
        for parameter, value in self._same:
            parameter.copy_(value)
        return self._copied


def _scaled_to(drawn: Tensor, weight: Tensor) -> Tensor:
    """Each filter (row, of a matrix) scaled to the norm of the weight's; zero for what has one dimension."""
    if weight.ndim < 2:
        return torch.zeros_like(drawn)
    axes = tuple(range(1, weight.ndim))
    own = torch.linalg.vector_norm(weight, dim=axes, keepdim=True)
    scaled: Tensor = drawn * (own / (torch.linalg.vector_norm(drawn, dim=axes, keepdim=True) + 1e-10))
    return scaled
