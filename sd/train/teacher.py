"""A teacher: a trained model that answers and learns nothing."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.fx import symbolic_trace
from torch.fx.experimental.optimization import fuse

from sd.plan.cell import Cell, checkpoint_file
from sd.train.augment import AUGMENT
from sd.train.checkpoint import load
from sd.train.datasets import Dataset
from sd.train.datasets.stream import stream
from sd.train.engine import Engine
from sd.train.ensemble import Ensemble
from sd.train.models import build

_CACHE_BATCH = 1000
"""Images whose logits are computed at a time."""

_LARGE = 1 << 30
"""Bytes from which cached logits are kept in half precision: ImageNet's would be 5 GB in single (spec H22)."""


def load_trained(cell: Cell, path: Path, sha256: str, classes: int, device: torch.device) -> nn.Module:
    """The model of ``cell`` at the checkpoint ``path``, frozen, in eval mode.

    An ensemble's checkpoint names those of its members, which lie in the folders of these beside its own.

    Raises:
        BadCheckpoint: the file is not there or is not the one with this SHA-256.
    """
    content = load(path, device, sha256=sha256)
    if cell.members:
        cells = {member.key: member for member in cell.members}
        folder = path.parent.parent
        files = [
            (cells[key], folder / key / checkpoint_file(content["checkpoint"], own), own)
            for key, own in content["members"]
        ]
        return Ensemble([load_trained(*file, classes, device) for file in files]).eval()
    model = build(cell.arch, classes).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    model.load_state_dict(content["model"])
    frozen: nn.Module = model.eval().requires_grad_(False)
    return frozen


def folded(model: nn.Module) -> nn.Module:
    """A copy of a frozen model whose batch norms are folded into the convolutions before them: the same function with
    half the passes over memory. A model that cannot be traced, or has none, comes back as it is, and so does one that
    uses a convolution or a norm twice or computes a weight anew at each call (weight norm): folding would change it."""
    layers = {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)}
    if not any(isinstance(m, nn.BatchNorm2d) for m in layers.values()):
        return model
    if any(m._forward_pre_hooks or m._forward_hooks for m in layers.values()):
        return model
    try:
        called = [node.target for node in symbolic_trace(model).graph.nodes if node.target in layers]
        if len(set(called)) < len(called):
            return model
        found: nn.Module = fuse(model)
    except Exception:  # whatever a user's forward does that torch.fx does not follow
        return model
    return found.requires_grad_(False)


class Teacher:
    """The teacher of one run. It sees the view that the student sees, in eval mode and without autograd.

    Where no view is random its logits are computed once for the whole training set, and looked up after that.
    """

    def __init__(self, model: nn.Module, engine: Engine, device: torch.device) -> None:
        self._eager = folded(model)
        self._model = engine.prepare(self._eager)
        self._engine = engine
        self._device = device
        self._cached: Tensor | None = None

    def remember(self, data: Dataset, aug: str) -> None:
        """Compute the logits of every training image, unless views are random; nothing is compiled for one pass."""
        if AUGMENT[aug].is_random:
            return
        kind = torch.float16 if 4 * data.classes * len(data.train_images) > _LARGE else torch.float32
        self._cached = self.over(data, torch.arange(len(data.train_images)), lambda answers: answers.to(kind))

    @torch.no_grad()
    def over(self, data: Dataset, rows: Tensor, found: Callable[[Tensor], Tensor]) -> Tensor:
        """What is found in the logits (n, classes) of training images as they are stored, a row for each image.

        Args:
            rows: int64, on the CPU: which images, in this order, and so in the same batches each time.
        """
        results = []
        for images in stream(data.train_images, rows.split(_CACHE_BATCH), self._device):
            with self._engine.autocast(self._device):
                answers = self._eager(data.normalise(images))
            results.append(found(answers))
        return torch.cat(results)

    @torch.no_grad()
    def logits(self, images: Tensor, rows: Tensor | None = None) -> Tensor:
        """(n, classes), of normalised images (n, 3, h, w); ``rows`` are their places in the training set."""
        if self._cached is not None and rows is not None:
            return self._cached[rows]
        with self._engine.autocast(self._device):
            answer: Tensor = self._model(images)
        return answer.float()
