"""A teacher: a trained model, or CLIP's zero-shot classifier, that answers and learns nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.fx import symbolic_trace
from torch.fx.experimental.optimization import fuse

from sd.plan.cell import Cell, checkpoint_file
from sd.train import zero_shot
from sd.train.answers import Source, keep, kept
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
"""Bytes from which cached logits are kept in half precision, and in a file (``sd.train.answers``): of ImageNet they
would be 5 GB in single (spec H22), and take minutes of a GPU. Smaller ones are computed anew at each start, which takes
no longer than an epoch does, and leaves no files behind."""


def load_trained(cell: Cell, path: Path, sha256: str, classes: int, device: torch.device) -> nn.Module:
    """The model of ``cell`` at the checkpoint ``path``, frozen, in eval mode.

    An ensemble's checkpoint names those of its members, which lie in the folders of these beside its own.

    Raises:
        BadCheckpoint: the file is not there or is not the one with this SHA-256.
    """
    content = load(path, device, sha256=sha256)
    if "zero_shot" in content:
        return zero_shot.load(content, device)
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

    def remember(
        self,
        data: Dataset,
        aug: str,
        source: Source | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Compute the logits of every training image, unless views are random; nothing is compiled for one pass.

        Args:
            source: where a large number of them is kept, and read if it is there already; by default nowhere.
            between: called before each batch; what it raises ends the computation, and leaves no file.
        """
        if AUGMENT[aug].is_random:
            return
        shape = len(data.train_images), data.classes
        large = 4 * shape[0] * shape[1] > _LARGE
        every = self._answers(data, torch.arange(shape[0]), between)
        found = None
        if large and source:
            file = source.file(data, "bf16" if self._engine.bf16 else "fp32")
            found = kept(file, shape)
            if found is None:
                found = keep(file, shape, (answers.half() for answers in every))
        if found is None:
            kind = torch.float16 if large else torch.float32
            found = torch.cat([answers.to(kind) for answers in every])
        fits = self._device.type != "cuda" or found.nbytes < torch.cuda.mem_get_info(self._device)[0] / 2
        self._cached = found.to(self._device) if fits else found

    @torch.no_grad()
    def over(self, data: Dataset, rows: Tensor, found: Callable[[Tensor], Tensor]) -> Tensor:
        """What is found in the logits (n, classes) of training images as they are stored, a row for each image.

        Args:
            rows: int64, on the CPU: which images, in this order, and so in the same batches each time.
        """
        results = [found(answers) for answers in self._answers(data, rows, lambda: None)]
        return torch.cat(results)

    @torch.no_grad()
    def logits(self, images: Tensor, rows: Tensor | None = None) -> Tensor:
        """(n, classes), of normalised images (n, 3, h, w); ``rows`` are their places in the training set."""
        if self._cached is not None and rows is not None:
            return self._cached[rows.to(self._cached.device)].to(self._device)
        with self._engine.autocast(self._device):
            answer: Tensor = self._model(images)
        return answer.float()

    def _answers(self, data: Dataset, rows: Tensor, between: Callable[[], None]) -> Iterator[Tensor]:
        """The logits of training images as they are stored, a batch at a time; ``between`` is called before each."""
        for images in stream(data.train_images, rows.split(_CACHE_BATCH), self._device):
            between()
            with torch.no_grad(), self._engine.autocast(self._device):
                answers: Tensor = self._eager(data.normalise(images))
            yield answers
