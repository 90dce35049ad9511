"""The Hessian of a model's mean loss over labelled images, known by its products with vectors."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.measure.double_backward import FastDoubleBackward
from sd.train.models.twice_differentiable import twice_differentiable

Loss = Literal["ce", "mse"]
"""``ce``: cross-entropy at hard labels, in nats. ``mse``: half the squared distance of the outputs to the one-hot
labels, summed over the classes. Both are means over the images."""

GRAPH_BUDGET = {"cpu": 1 << 29, "cuda": 4 << 30}
"""Bytes that the gradient graph of one batch may take: a fixed number, so that the batches, and with them the rounding
of every sum, are the same on every machine of a kind."""

SIDE_BY_SIDE = 4
"""Vectors that share a batch's gradient graph where it has to be built anew."""

_AGREEMENT = {torch.float32: 1e-3, torch.float64: 1e-9}
"""Largest difference of logits, as a fraction of the largest, that is rounding."""


class NotOneFunction(ValueError):
    """The model's output for an image is not a function of that image and the weights alone."""


def mean_loss(logits: Tensor, labels: Tensor, loss: Loss) -> Tensor:
    """The mean loss of a batch: logits (n, classes), int64 labels (n,)."""
    if loss == "ce":
        return F.cross_entropy(logits, labels)
    wanted = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return 0.5 * (logits - wanted).square().sum() / len(labels)


def check_labels(images: Tensor, labels: Tensor) -> None:
    """Refuse what the losses would take for something else: −100 for "leave this out", fractions for a distribution.

    Raises:
        ValueError: ``labels`` are not one class an image, int64 from 0 on.
    """
    if len(images) != len(labels) or not len(labels):
        raise ValueError(f"{len(images)} images and {len(labels)} labels; give one label an image, and at least one")
    if labels.dtype != torch.int64 or labels.ndim != 1:
        raise ValueError(f"labels are {labels.dtype} of shape {tuple(labels.shape)}; give one int64 class an image")
    if int(labels.min()) < 0:
        raise ValueError(f"a label is {int(labels.min())}; classes are counted from 0")


@dataclass(frozen=True)
class Memory:
    """Bytes that the products need, by what they are for; measured on one image."""

    graphs: int
    vectors: int


class Hessian:
    """H = ∇² of the mean loss of ``model`` over ``images``, restricted to no part of the parameters.

    H·v is the derivative of ⟨∇loss, v⟩ (Pearlmutter, 1994). The gradient and its graph are built once a batch and
    differentiated for several vectors; as many as fit ``keep_bytes`` are built once and for all. Within the life of the
    object the model must stay as :func:`differentiable` made it.

    Attributes:
        size: p, the number of parameters.
        products_made: Hessian-vector products so far, each over all images.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        *,
        loss: Loss = "ce",
        batch_size: int | None = None,
        keep_bytes: int = 0,
    ) -> None:
        """
        Args:
            model: as :func:`differentiable` gives it.
            images: floating point (n, …) as the model takes them, on its device.
            labels: int64 (n,).
            batch_size: images whose graph is held at a time; by default as many as :data:`GRAPH_BUDGET` allows.

        Raises:
            NotOneFunction: dropout or batch statistics are active (:func:`check_is_one_function`).
        """
        self.model, self.loss, self.n_samples = model, loss, len(labels)
        self.parameters = list(model.parameters())
        self.shapes = [parameter.shape for parameter in self.parameters]
        self.size = sum(parameter.numel() for parameter in self.parameters)
        self.dtype, self.device = self.parameters[0].dtype, self.parameters[0].device
        if images.ndim == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        check_is_one_function(model, images)
        per_image = self._bytes_of_an_image(images[:1], labels[:1])
        budget = GRAPH_BUDGET["cuda" if self.device.type == "cuda" else "cpu"]
        self.batch_size = min(batch_size or max(1, budget // max(1, per_image)), len(labels))
        self._batches = list(zip(images.split(self.batch_size), labels.split(self.batch_size), strict=True))
        self._keeps = min(keep_bytes // (per_image * self.batch_size), len(self._batches))
        self._kept: list[_Graph] = []
        held = min(max(self._keeps + 1, 1), len(self._batches))
        self.memory = Memory(
            graphs=per_image * min(held * self.batch_size, self.n_samples),
            vectors=(4 + SIDE_BY_SIDE) * self.size * self.dtype.itemsize,
        )
        self.products_made = 0

    def products(self, vectors: Tensor) -> Tensor:
        """H·v for each row of ``vectors``, (k, p) and so is the result.

        Raises:
            ValueError: a product is not finite.
        """
        found = torch.zeros_like(vectors)
        parts = [self._split(vector) for vector in vectors]
        for graph in self._graphs():
            for row, part in zip(found, parts, strict=True):
                graph.add_product(row, part)
        if not bool(torch.isfinite(found.sum())):
            raise ValueError("the Hessian is not finite at this model: a product with it holds NaN or infinity")
        self.products_made += len(vectors)
        return found

    def product(self, vector: Tensor) -> Tensor:
        """H·v, (p,)."""
        return self.products(vector[None])[0]

    def loss_and_gradient(self) -> tuple[float, Tensor]:
        """The mean loss, and its gradient (p,)."""
        total, gradient = 0.0, torch.zeros(self.size, dtype=self.dtype, device=self.device)
        for images, labels in self._batches:
            share = len(labels) / self.n_samples
            value = mean_loss(self.model(images), labels, self.loss)
            parts = torch.autograd.grad(value, self.parameters, allow_unused=True)
            total += share * float(value.detach())
            self._add(gradient, parts, share)
        return total, gradient

    @torch.no_grad()
    def loss_at(self, offset: Tensor) -> float:
        """The mean loss at the parameters plus ``offset`` (p,); the parameters are put back exactly."""
        before = [parameter.detach().clone() for parameter in self.parameters]
        try:
            for parameter, part in zip(self.parameters, self._split(offset), strict=True):
                parameter.add_(part)
            return sum(
                len(labels) / self.n_samples * float(mean_loss(self.model(images), labels, self.loss))
                for images, labels in self._batches
            )
        finally:
            for parameter, old in zip(self.parameters, before, strict=True):
                parameter.copy_(old)

    def unheard(self) -> list[str]:
        """Names of the parameters on which the loss does not depend, or only linearly: their rows of H are zero."""
        graph = _Graph(self, self._batches[0][0][:1], self._batches[0][1][:1])
        heard = set(graph.places)
        return [name for index, (name, _) in enumerate(self.model.named_parameters()) if index not in heard]

    def weights(self) -> Tensor:
        """The parameters as one vector, (p,)."""
        return torch.cat([parameter.detach().flatten() for parameter in self.parameters])

    def _graphs(self) -> Iterator["_Graph"]:
        yield from self._kept
        for index, (images, labels) in enumerate(self._batches[len(self._kept) :], len(self._kept)):
            graph = _Graph(self, images, labels)
            if index < self._keeps:
                self._kept.append(graph)
            yield graph

    def _split(self, vector: Tensor) -> list[Tensor]:
        sizes = [shape.numel() for shape in self.shapes]
        return [part.view(shape) for part, shape in zip(vector.split(sizes), self.shapes, strict=True)]

    def _add(self, total: Tensor, parts: Sequence[Tensor | None], share: float) -> None:
        for target, part in zip(self._split(total), parts, strict=True):
            if part is not None:
                target.add_(part, alpha=share)

    def _bytes_of_an_image(self, image: Tensor, label: Tensor) -> int:
        """Bytes that autograd keeps for each further image of a gradient graph."""
        held = []
        for count in (1, 2):
            seen: dict[int, int] = {}

            def pack(tensor: Tensor, seen: dict[int, int] = seen) -> Tensor:
                storage = tensor.untyped_storage()
                seen[storage.data_ptr()] = storage.nbytes()
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                graph = _Graph(self, torch.cat([image] * count), torch.cat([label] * count))
            held.append(sum(seen.values()))
            del graph
        return max(1, held[1] - held[0])


class _Graph:
    """The gradient of one batch's share of the loss, with the graph that leads to it."""

    def __init__(self, hessian: Hessian, images: Tensor, labels: Tensor) -> None:
        self._hessian = hessian
        with FastDoubleBackward():
            value = mean_loss(hessian.model(images), labels, hessian.loss)
        found = torch.autograd.grad(value, hessian.parameters, create_graph=True, allow_unused=True)
        # A parameter that the loss does not depend on, or only linearly, has a row of zeros.
        self.places = [i for i, one in enumerate(found) if one is not None and one.requires_grad]
        self.gradients = [one for one in found if one is not None and one.requires_grad]
        self._share = len(labels) / hessian.n_samples

    def add_product(self, total: Tensor, vector: list[Tensor]) -> None:
        """Add the batch's share of H·vector to ``total``, in place."""
        if not self.gradients:
            return
        parts = torch.autograd.grad(
            self.gradients,
            self._hessian.parameters,
            [vector[i] for i in self.places],
            retain_graph=True,
            allow_unused=True,
        )
        self._hessian._add(total, parts, self._share)


@contextmanager
def differentiable(model: nn.Module, dtype: torch.dtype) -> Iterator[nn.Module]:
    """``model`` in eval mode and ready to be differentiated twice: itself, or a copy where ``dtype`` is not its own.

    Within it the weights of convolutions lie channels last in memory, which is faster, and ``dtype`` is what is
    computed in: a caller's autocast is off, and so is TF32. The model's modes, its frozen parameters, its gradients and
    the very memory of its weights are as before at the end.
    """
    first = next(model.parameters(), None)
    if first is None:
        raise ValueError("the model has no parameters, so there is nothing to differentiate by")
    with twice_differentiable(model), torch.autocast(first.device.type, enabled=False), _no_tf32():
        if first.dtype != dtype:
            yield copy.deepcopy(model).to(dtype)
            return
        before = [(parameter, parameter.data) for parameter in model.parameters() if parameter.ndim == 4]
        for parameter, data in before:
            parameter.data = data.contiguous(memory_format=torch.channels_last)
        try:
            yield model
        finally:
            for parameter, data in before:
                parameter.data = data


@contextmanager
def _no_tf32() -> Iterator[None]:
    """Without the 10-bit products that a GPU's convolutions take for float32 by default."""
    switches: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [switch.allow_tf32 for switch in switches]
    try:
        for switch in switches:
            switch.allow_tf32 = False
        yield
    finally:
        for switch, was in zip(switches, before, strict=True):
            switch.allow_tf32 = was


@torch.no_grad()
def check_is_one_function(model: nn.Module, images: Tensor) -> None:
    """Refuse a model whose answer for an image changes from call to call, or with the images beside it.

    Raises:
        NotOneFunction: active dropout, or batch norm that normalises by its batch, in one line.
    """
    few = images[:4] if len(images) > 1 else torch.cat([images, images.flip(-1) + 1])
    first, again = model(few), model(few)
    if not torch.equal(first, again) and not _agree(first, again):
        raise NotOneFunction(
            "the model answers differently when asked twice (dropout that is active in eval mode?): each "
            "Hessian-vector product would be of another function; measure with dropout off"
        )
    alone = torch.cat([model(one[None]) for one in few])
    if not _agree(first, alone):
        raise NotOneFunction(
            "the model's answer for an image depends on the images beside it (batch norm without running statistics?): "
            "the Hessian would be of a function of the batches, not of the images; use running statistics"
        )


def _agree(one: Tensor, other: Tensor) -> bool:
    scale = float(one.abs().max())
    return float((one - other).abs().max()) <= _AGREEMENT.get(one.dtype, 1e-3) * max(scale, 1e-30) or not bool(
        torch.isfinite(one).all()
    )
