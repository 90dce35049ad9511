"""One training step: forward, loss, backward, clip, update; of SGD or SAM, with or without a teacher."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.plan.cell import Cell
from sd.train.engine import Engine
from sd.train.losses import distillation
from sd.train.sam import perturbed_gradient
from sd.train.targets import Target


def new_optimizer(cell: Cell, model: nn.Module) -> torch.optim.SGD:
    """Plain SGD with momentum and weight decay on all parameters (spec 3.1), fused into one kernel."""
    recipe = cell.recipe
    return torch.optim.SGD(
        model.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
        fused=True,
    )


@dataclass
class Stepper:
    """Takes the steps of one run. Nothing in a step waits for the device.

    Attributes:
        ema: the running average of weights and statistics, by name, where the recipe keeps one.
    """

    cell: Cell
    model: nn.Module
    optimizer: torch.optim.SGD
    engine: Engine
    ema: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._forward: Callable[[Tensor], Any] = self.engine.prepare(self.model)
        if self.cell.recipe.ema_decay is not None and not self.ema:
            self.ema = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}

    def __call__(self, images: Tensor, labels: Tensor, target: Target | None, learning_rate: float) -> Tensor:
        """Take a step.

        Args:
            images: float32 (n, 3, h, w), normalised, on the model's device.
            labels: int64 (n,).
            target: what a student is taught on these views.

        Returns:
            float64 (2,): the summed loss and the number right, both of the model before the step.
        """
        recipe = self.cell.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        right: list[Tensor] = []

        def loss() -> Tensor:
            with self.engine.autocast(images.device):
                logits = self._forward(images)
            right.append((logits.detach().argmax(1) == labels).sum())
            return self._loss(logits, labels, target)

        self.optimizer.zero_grad(set_to_none=True)
        if self.cell.optimizer == "sam":
            assert recipe.sam_rho is not None, "the grid refuses SAM without sam_rho"
            value = perturbed_gradient(self.model, loss, rho=recipe.sam_rho)
        else:
            value = loss()
            value.backward()
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip_norm)
        self.optimizer.step()
        self._average()
        return torch.stack([value.detach().double() * len(labels), right[0].double()])

    def weights(self) -> dict[str, Tensor]:
        """What is evaluated and saved: the average where there is one, else the weights themselves; not a copy."""
        return self.ema or self.model.state_dict()

    def _loss(self, logits: Tensor, labels: Tensor, target: Target | None) -> Tensor:
        smoothing = self.cell.recipe.label_smoothing
        if target is None or self.cell.tau is None:
            return F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
        soft, alpha = target.logits, target.alpha
        return distillation(logits, soft, labels, alpha=alpha, tau=self.cell.tau, smoothing=smoothing)

    @torch.no_grad()
    def _average(self) -> None:
        """ema ← decay·ema + (1 − decay)·weights, statistics of batch norm alike; counters are copied."""
        decay = self.cell.recipe.ema_decay
        if decay is None:
            return
        pairs = [(self.ema[name], tensor) for name, tensor in self.model.state_dict().items()]
        numbers = [(mean, now) for mean, now in pairs if mean.is_floating_point()]
        torch._foreach_lerp_([mean for mean, _ in numbers], [now for _, now in numbers], 1 - decay)
        for mean, now in pairs:
            if not mean.is_floating_point():
                mean.copy_(now)
