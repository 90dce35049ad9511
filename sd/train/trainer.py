"""The training of one cell: from its data and its teacher to its checkpoints."""

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from sd.plan.cell import Cell
from sd.train.augment import AUGMENT, view
from sd.train.checkpoint import save_as
from sd.train.datasets import Dataset
from sd.train.datasets.stream import stream
from sd.train.engine import Engine, Trial, engine_for, fastest, median_seconds
from sd.train.evaluation import Evaluation, evaluate
from sd.train.holdout import hold_out
from sd.train.models import build
from sd.train.randomness import generator, seed_the_model
from sd.train.state import RESUME, Epoch, resume, save_state
from sd.train.step import Stepper, new_optimizer
from sd.train.targets import Target, new_lesson
from sd.train.teacher import Teacher

_VIEWS = 1024
"""Images that are augmented at a time, as far as whole batches go: several small batches cost little more than one."""


class Diverged(Exception):
    """The training loss is no longer a finite number."""


class Stopped(Exception):
    """Training was asked to stop; its state is saved and it will go on from there."""


@dataclass(frozen=True)
class Saved:
    """A checkpoint on disk: the epoch it is from (counted from 1), its SHA-256, and its size in bytes."""

    epoch: int
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Trained:
    """What a training left: every epoch's facts, the checkpoints by name, how it was computed, and what the method by
    which a student was taught found before its first step (``sd.train.targets.Lesson``)."""

    history: list[Epoch]
    saved: dict[str, Saved]
    engine: Engine
    facts: dict[str, float] = field(default_factory=dict)


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


def train(
    cell: Cell, data: Dataset, teacher: nn.Module | None, *, folder: Path, device: torch.device, control: Control
) -> Trained:
    """Train ``cell`` from where it was left, or from the start, and write its checkpoints into ``folder``.

    Args:
        data: its labels on ``device``, its images there or on the host, with the cell's label noise applied.
        teacher: on ``device`` and frozen (``load_trained``), for a cell of round 1 or later.

    Raises:
        Diverged: the loss became NaN or infinite.
        Stopped: ``control.should_stop`` said so.
        BadInput: the published weights that the recipe starts from are not there.
    """
    run = Run(cell, data, teacher, folder=folder, device=device, control=control)
    last_save = time.monotonic()
    while run.state.epoch < cell.recipe.trained_epochs:
        run.one_epoch()
        control.on_epoch(run.state.history[-1])
        if run.state.epoch < cell.recipe.trained_epochs and time.monotonic() - last_save >= control.save_every:
            run.save()
            last_save = time.monotonic()
    return Trained(run.state.history, run.save_checkpoints(), run.engine, run.lesson.facts if run.lesson else {})


class Run:
    """One training, from its first step or from a saved one."""

    def __init__(
        self,
        cell: Cell,
        data: Dataset,
        teacher: nn.Module | None,
        *,
        folder: Path,
        device: torch.device,
        control: Control,
    ) -> None:
        self.cell, self.data, self.folder, self.device, self.control = cell, data, folder, device, control
        self.rows, self.held_out = hold_out(data.train_labels, cell.recipe.val_fraction, cell.seed)
        pretrained = cell.recipe.init == "pretrained"
        model = build(cell.arch, data.classes, seed=cell.seed, round_=cell.round, pretrained=pretrained)
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        self.engine = self._engine(teacher)
        self.stepper = Stepper(cell, self.model, new_optimizer(cell, self.model), self.engine)
        self.state = resume(folder / RESUME, cell, self.stepper, device)
        self.lesson = new_lesson(cell, Teacher(teacher, self.engine, device), data, self.rows) if teacher else None

    @property
    def steps(self) -> int:
        """Steps of an epoch: the last, smaller batch is kept (spec H30)."""
        return math.ceil(len(self.rows) / self.cell.recipe.batch_size)

    def one_epoch(self) -> None:
        """The rest of the epoch that the run stands in, and its evaluation."""
        started = time.perf_counter()
        state, epoch, recipe = self.state, self.state.epoch, self.cell.recipe
        self.model.train()
        for images, rows in self.batches():
            if self.control.should_stop():
                state.seconds += time.perf_counter() - started
                self.save()
                raise Stopped
            state.sums += self.step(images, rows, recipe.learning_rate_at(epoch, state.step, self.steps))
            state.step += 1
        loss, right = (state.sums / len(self.rows)).tolist()
        if not math.isfinite(loss):
            hint = "a lower learning_rate or clip_norm may help"
            raise Diverged(f"the training loss is {loss} in epoch {epoch + 1}; {hint}")
        test, held_out = self._evaluations()
        state.history.append(
            Epoch(
                epoch=epoch + 1,
                learning_rate=recipe.learning_rate_at(epoch, self.steps - 1, self.steps),
                train_loss=loss,
                train_top1=100 * right,
                test_loss=test.loss if test else None,
                test_top1=test.top1 if test else None,
                val_loss=held_out.loss if held_out else None,
                val_top1=held_out.top1 if held_out else None,
                seconds=round(state.seconds + time.perf_counter() - started, 4),
            )
        )
        for checkpoint, scored in (("best_test", test), ("best_val", held_out)):
            if scored:
                state.judge(checkpoint, scored.top1, self.stepper.weights())
        state.epoch, state.step, state.seconds, state.sums = epoch + 1, 0, 0.0, torch.zeros_like(state.sums)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """What is left of the epoch: each batch as it is trained on, and its rows of the training set."""
        cell, state, size = self.cell, self.state, self.cell.recipe.batch_size
        place = cell.round, state.epoch
        order = torch.randperm(len(self.rows), generator=generator(torch.device("cpu"), cell.seed, "order", *place))
        each = max(1, _VIEWS // size)
        groups = self.rows[order].split(each * size)
        first = state.step // each
        skipped = state.step - first * each
        left = groups[first:]
        for group, images in enumerate(stream(self.data.train_images, left, self.device), first):
            draws = generator(self.device, cell.seed, "augment", *place, group)
            seen = view(images, cell.aug, self.data, cell.recipe, draws)
            rows = groups[group].to(self.device, non_blocking=True)
            yield from list(zip(seen.split(size), rows.split(size), strict=True))[skipped:]
            skipped = 0

    def step(self, images: Tensor, rows: Tensor, learning_rate: float) -> Tensor:
        """One step on a batch; float64 (2,): the summed loss and the number right."""
        self.engine.begin_step()
        labels, epoch, step = self.data.train_labels[rows], self.state.epoch, self.state.step
        target = self.lesson(images, rows, labels, epoch=epoch, step=step) if self.lesson else None
        seed_the_model(self.cell.seed, "forward", self.cell.round, epoch, step)
        return self.stepper(images, labels, target, learning_rate)

    def save(self) -> None:
        """Save the state that the run can be resumed from."""
        self.control.before_write()
        save_state(self.folder / RESUME, self.stepper, self.state)

    def save_checkpoints(self) -> dict[str, Saved]:
        """Write each checkpoint as a file of its own."""
        self.control.before_write()
        weights = {name: (best.epoch, best.weights) for name, best in self.state.best.items()}
        weights["last"] = self.state.epoch, self.stepper.weights()
        saved = {}
        for name, (epoch, tensors) in weights.items():
            content = {"key": self.cell.key, "checkpoint": name, "epoch": epoch, "model": tensors}
            sha256, size = save_as(self.folder, name, content)
            saved[name] = Saved(epoch, sha256, size)
        return saved

    def _evaluations(self) -> tuple[Evaluation | None, Evaluation | None]:
        """Scores after this epoch on the test set and on what is held out, where they are asked for."""
        done = self.state.epoch + 1
        if done % self.cell.recipe.evaluate_every and done < self.cell.recipe.trained_epochs:
            return None, None
        model = self.model
        if self.stepper.ema:
            model = copy.deepcopy(model)
            model.load_state_dict(self.stepper.ema)
        data = self.data
        with self.engine.autocast(self.device):
            test = evaluate(model, data.test_images, data.test_labels, mean=data.mean, std=data.std)
            if not len(self.held_out):
                return test, None
            images, labels = data.split("train")
            return test, evaluate(model, images, labels, mean=data.mean, std=data.std, rows=self.held_out)

    def _engine(self, teacher: nn.Module | None) -> Engine:
        """The precision that the recipe asks for and, on a GPU, the way that steps are fastest."""
        recipe, device = self.cell.recipe, self.device
        plain = engine_for(recipe, device)
        if device.type != "cuda" or len(self.rows) < recipe.batch_size:
            return plain
        torch._dynamo.reset()  # of an earlier cell's models, which count against the number of compilations
        turns = self._trial_batches()

        def trial(engine: Engine) -> Trial:
            model = copy.deepcopy(self.model).train()
            stepper = Stepper(self.cell, model, new_optimizer(self.cell, model), engine)
            asked = self.cell.asks and AUGMENT[self.cell.aug].is_random
            answers = Teacher(teacher, engine, device) if teacher and asked else None
            remembered = torch.zeros(recipe.batch_size, self.data.classes, device=device)
            batches = itertools.cycle(turns)

            def step() -> None:
                images, rows = next(batches)
                engine.begin_step()
                soft = answers.logits(images) if answers else remembered
                target = Target(soft, self.cell.alpha or 0.0) if teacher else None
                stepper(images, self.data.train_labels[rows], target, recipe.learning_rate)

            for _ in range(4):
                step()
            pairs = zip(model.parameters(), self.model.parameters(), strict=True)
            moved = torch.cat([(now - before).detach().flatten() for now, before in pairs])
            return Trial(median_seconds(step, device, 20), moved)

        kind = "sam" if self.cell.optimizer == "sam" else "student" if self.cell.asks else "plain"
        what = f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, {self.cell.arch}, "
        what += f"{tuple(turns[0][0].shape)}, {kind}, {plain}"
        remaining = self.steps * recipe.trained_epochs
        return fastest(plain, remaining, what, trial, ways=("compiled", "graphs"))

    def _trial_batches(self) -> list[tuple[Tensor, Tensor]]:
        """Two different batches, taken in turns: a result of the last step in place of this one's would show."""
        size, recipe = self.cell.recipe.batch_size, self.cell.recipe
        chosen = [rows for rows in (self.rows[:size], self.rows[size : 2 * size]) if len(rows) == size]
        stored = stream(self.data.train_images, chosen, self.device)
        draws = generator(self.device, 0, "trial")
        seen = [view(images, self.cell.aug, self.data, recipe, draws) for images in stored]
        return [(images, rows.to(self.device)) for images, rows in zip(seen, chosen, strict=True)]
