"""All that a run needs in order to go on as if it had never stopped."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sd.plan.cell import Cell
from sd.train.checkpoint import BadCheckpoint, load, save_sealed
from sd.train.step import Stepper

RESUME = "resume.pt"

# A state of another version, or of no version, is not taken up, and training begins again.
STATE_VERSION = 2


@dataclass(frozen=True)
class Epoch:
    """What one epoch measured.

    Attributes:
        epoch: counted from 1.
        learning_rate: of its last step.
        train_loss: mean of the loss that was minimised, over the epoch's steps, on augmented images.
        train_top1: accuracy in percent on the augmented images as they were trained on, against the labels in use.
        test_loss, test_top1: cross-entropy in nats and accuracy in percent on the test set, after the epoch, at the
            precision of training; ``None`` where the recipe asks for no evaluation.
        val_loss, val_top1: the same on the part of the training set that is held out, if any.
        seconds: wall time of the epoch, its evaluation included.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_top1: float
    test_loss: float | None
    test_top1: float | None
    val_loss: float | None
    val_top1: float | None
    seconds: float


@dataclass(frozen=True)
class Best:
    """The first epoch (counted from 1) with the highest score so far, and a copy of its weights."""

    epoch: int
    top1: float
    weights: dict[str, Tensor]


@dataclass
class State:
    """Where a run stands. Randomness is a function of the place, so none of it is kept."""

    epoch: int = 0
    step: int = 0
    sums: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Best] = field(default_factory=dict)

    def judge(self, checkpoint: str, top1: float, weights: dict[str, Tensor]) -> None:
        """Keep a copy of ``weights`` as ``checkpoint`` if no earlier epoch scored as high."""
        if checkpoint not in self.best or top1 > self.best[checkpoint].top1:
            copy = {name: tensor.clone() for name, tensor in weights.items()}
            self.best[checkpoint] = Best(self.history[-1].epoch, top1, copy)


def save_state(path: Path, stepper: Stepper, state: State) -> None:
    """Write everything, whole or not at all; on a full disk the state that was there before stays."""
    content: dict[str, Any] = {
        "version": STATE_VERSION,
        "key": stepper.cell.key,
        "model": stepper.model.state_dict(),
        "optimizer": stepper.optimizer.state_dict(),
        "ema": stepper.ema,
        "epoch": state.epoch,
        "step": state.step,
        "sums": state.sums,
        "seconds": state.seconds,
        "history": [asdict(epoch) for epoch in state.history],
        "best": {name: (best.epoch, best.top1, best.weights) for name, best in state.best.items()},
    }
    save_sealed(path, content)


def resume(path: Path, cell: Cell, stepper: Stepper, device: torch.device) -> State:
    """The saved state, put into ``stepper``; a new one if there is none or it cannot be used."""
    fresh = State(sums=torch.zeros(2, dtype=torch.float64, device=device))
    if not path.exists():
        return fresh
    try:
        content = load(path, device)
    except BadCheckpoint:
        return fresh
    if not isinstance(content, dict) or (content.get("version"), content.get("key")) != (STATE_VERSION, cell.key):
        return fresh
    stepper.model.load_state_dict(content["model"])
    stepper.optimizer.load_state_dict(content["optimizer"])
    stepper.ema = content["ema"]
    return State(
        epoch=content["epoch"],
        step=content["step"],
        sums=content["sums"],
        seconds=content["seconds"],
        history=[Epoch(**epoch) for epoch in content["history"]],
        best={name: Best(*best) for name, best in content["best"].items()},
    )
