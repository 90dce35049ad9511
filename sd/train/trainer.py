"""The training of one cell: from its data and its teacher to the checkpoints ``best_test`` and ``last``."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sd.plan.cell import Cell
from sd.train.augment import AUGMENT, cutout
from sd.train.checkpoint import BadCheckpoint, load, save, save_as
from sd.train.datasets import Dataset
from sd.train.evaluation import evaluate
from sd.train.losses import distillation
from sd.train.models import build
from sd.train.randomness import generator
from sd.train.sam import perturbed_gradient

RESUME = "resume.pt"

# Of a saved state: a state of another version, or of no version, is not taken up, and training begins again.
STATE_VERSION = 1


class Diverged(Exception):
    """The training loss is no longer a finite number."""


class Stopped(Exception):
    """Training was asked to stop; its state is saved and it will go on from there."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch measured.

    Attributes:
        epoch: counted from 1.
        train_loss: mean of the loss that was minimised, over the epoch's steps, on augmented images.
        train_top1: accuracy in percent on the augmented images as they were trained on, against the labels in use.
        test_loss, test_top1: cross-entropy in nats and accuracy in percent on the test set, after the epoch.
        seconds: wall time of the epoch, its evaluation included.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_top1: float
    test_loss: float
    test_top1: float
    seconds: float


@dataclass(frozen=True)
class Saved:
    """A checkpoint on disk: the epoch it is from (counted from 1), its SHA-256, and its size in bytes."""

    epoch: int
    sha256: str
    bytes: int


@dataclass
class Control:
    """How a run is watched and held from outside, by whoever started it.

    Attributes:
        on_epoch: called after every epoch.
        should_stop: asked before every step; if true the state is saved and :class:`Stopped` is raised.
        before_write: called before anything is written; raises if this run may no longer write.
        save_every: seconds between two saved states, at the end of an epoch; 0 saves after each.
    """

    on_epoch: Callable[[Epoch], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False
    before_write: Callable[[], None] = lambda: None
    save_every: float = 60.0


@dataclass
class State:
    """All that a run needs in order to go on as if it had never stopped; randomness is a function of the position."""

    epoch: int = 0
    step: int = 0
    sums: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best_model: dict[str, Tensor] = field(default_factory=dict)

    @property
    def best_top1(self) -> float:
        return self.history[self.best_epoch - 1].test_top1 if self.best_epoch else -1.0


def train(
    cell: Cell, data: Dataset, teacher: nn.Module | None, *, folder: Path, device: torch.device, control: Control
) -> tuple[list[Epoch], dict[str, Saved]]:
    """Train ``cell`` from where it was left, or from the start, and write its checkpoints into ``folder``.

    Args:
        data: on ``device``, with the cell's label noise applied.
        teacher: on ``device`` and frozen (:func:`load_teacher`), for a cell of round 1 or later.

    Returns:
        Every epoch's facts, and the checkpoints by name.

    Raises:
        Diverged: the loss became NaN or infinite.
        Stopped: ``control.should_stop`` said so.
    """
    recipe = cell.recipe
    model = build(cell.arch, data.classes, seed=cell.seed, round_=cell.round)
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
    )
    state = _resume(folder / RESUME, cell, model, optimizer, device)
    last_save = time.monotonic()

    while state.epoch < recipe.epochs:
        _one_epoch(cell, data, model, teacher, optimizer, state, folder, control)
        control.on_epoch(state.history[-1])
        if state.epoch < recipe.epochs and time.monotonic() - last_save >= control.save_every:
            _save_state(folder / RESUME, cell, model, optimizer, state, control)
            last_save = time.monotonic()

    control.before_write()
    weights = {"best_test": (state.best_epoch, state.best_model), "last": (state.epoch, model.state_dict())}
    saved = {}
    for name, (epoch, tensors) in weights.items():
        content = {"key": cell.key, "checkpoint": name, "epoch": epoch, "model": tensors}
        sha256, size = save_as(folder, name, content)
        saved[name] = Saved(epoch, sha256, size)
    return state.history, saved


def _one_epoch(
    cell: Cell,
    data: Dataset,
    model: nn.Module,
    teacher: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    state: State,
    folder: Path,
    control: Control,
) -> None:
    """The rest of the epoch that ``state`` stands in, and its evaluation; the last, smaller batch is kept (H30)."""
    started = time.perf_counter()
    recipe, device, epoch = cell.recipe, data.train_labels.device, state.epoch
    learning_rate = recipe.learning_rate_at(epoch)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    n = len(data.train_labels)
    shuffled = torch.randperm(n, generator=generator(torch.device("cpu"), cell.seed, "order", cell.round, epoch))
    batches = shuffled.to(device).split(recipe.batch_size)
    augment = AUGMENT[cell.aug]

    model.train()
    for step in range(state.step, len(batches)):
        if control.should_stop():
            state.seconds += time.perf_counter() - started
            _save_state(folder / RESUME, cell, model, optimizer, state, control)
            raise Stopped
        draws = generator(device, cell.seed, "augment", cell.round, epoch, step)
        images = data.normalise(augment(data.train_images[batches[step]], draws, data.policy))
        if augment.cutout:
            images = cutout(images, draws, data.cutout)
        labels = data.train_labels[batches[step]]
        state.sums += _step(cell, model, teacher, optimizer, images, labels)
        state.step = step + 1

    loss, right = (state.sums / n).tolist()
    if not math.isfinite(loss):
        raise Diverged(f"the training loss is {loss} in epoch {epoch + 1}; a lower learning_rate or clip_norm may help")
    test = evaluate(model, data, "test")
    seconds = state.seconds + time.perf_counter() - started
    state.history.append(Epoch(epoch + 1, learning_rate, loss, 100 * right, test.loss, test.top1, round(seconds, 4)))
    if test.top1 > state.best_top1:
        state.best_epoch = epoch + 1
        state.best_model = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state.epoch, state.step, state.seconds, state.sums = epoch + 1, 0, 0.0, torch.zeros_like(state.sums)


def _step(
    cell: Cell,
    model: nn.Module,
    teacher: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
) -> Tensor:
    """One step of SGD or SAM; returns (summed loss, number right) without waiting for the device."""
    recipe = cell.recipe
    autocast = torch.autocast(images.device.type, torch.bfloat16) if recipe.precision == "bf16" else nullcontext()
    outputs: list[Tensor] = []
    with torch.no_grad(), autocast:
        teacher_logits = teacher(images) if teacher else None

    def loss() -> Tensor:
        with autocast:
            logits = model(images)
        outputs.append(logits.detach())
        if teacher_logits is None or cell.alpha is None or cell.tau is None:
            return nn.functional.cross_entropy(logits.float(), labels)
        return distillation(logits, teacher_logits, labels, alpha=cell.alpha, tau=cell.tau)

    optimizer.zero_grad(set_to_none=True)
    if cell.optimizer == "sam":
        assert recipe.sam_rho is not None, "the grid refuses SAM without sam_rho"
        value = perturbed_gradient(model, loss, rho=recipe.sam_rho)
    else:
        value = loss()
        value.backward()
    if recipe.clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
    optimizer.step()
    right = (outputs[0].argmax(1) == labels).sum()
    return torch.stack([value.detach().double() * len(labels), right.double()])


def load_teacher(cell: Cell, path: Path, sha256: str, classes: int, device: torch.device) -> nn.Module:
    """The model of ``cell`` at the checkpoint ``path``, frozen, in eval mode.

    Raises:
        BadCheckpoint: the file is not there or is not the one with this SHA-256.
    """
    content = load(path, device, sha256=sha256)
    model = build(cell.arch, classes).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    model.load_state_dict(content["model"])
    frozen: nn.Module = model.eval().requires_grad_(False)
    return frozen


def _save_state(
    path: Path, cell: Cell, model: nn.Module, optimizer: torch.optim.Optimizer, state: State, control: Control
) -> None:
    control.before_write()
    content: dict[str, Any] = {
        "version": STATE_VERSION,
        "key": cell.key,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        **{name: value for name, value in vars(state).items() if name != "history"},
        "history": [asdict(epoch) for epoch in state.history],
    }
    save(path, content)


def _resume(path: Path, cell: Cell, model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> State:
    """The saved state, put into ``model`` and ``optimizer``; a new one if there is none or it cannot be used."""
    fresh = State(sums=torch.zeros(2, dtype=torch.float64, device=device))
    if not path.exists():
        return fresh
    try:
        content = load(path, device)
    except BadCheckpoint:
        return fresh
    if not isinstance(content, dict) or (content.get("version"), content.get("key")) != (STATE_VERSION, cell.key):
        return fresh
    del content["version"], content["key"]
    model.load_state_dict(content.pop("model"))
    optimizer.load_state_dict(content.pop("optimizer"))
    history = [Epoch(**epoch) for epoch in content.pop("history")]
    return State(**content, history=history)
