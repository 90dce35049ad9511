"""Wherever a run ends, by a stop, an error or a kill, the run that goes on from there ends in the same place."""

import errno
import multiprocessing
import os
import random
import resource
import signal
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn

from sd.plan.catalogue import AUGMENTATIONS
from sd.plan.cell import Cell, Method
from sd.plan.recipe import RECIPES, Recipe
from sd.train.checkpoint import load as load_checkpoint
from sd.train.checkpoint import save
from sd.train.datasets import Dataset, load
from sd.train.models import build
from sd.train.state import RESUME, Epoch
from sd.train.trainer import Control, Diverged, Saved, Stopped, train

CPU = torch.device("cpu")
CONTROLS = [method for method in get_args(Method) if method != "distillation"]
EPOCHS, STEPS = 4, 4  # of 300 images in batches of 96, the last of 12


@pytest.fixture(scope="module")
def data() -> Dataset:
    torch.set_num_threads(1)
    whole = load("digits")
    return replace(
        whole,
        train_images=whole.train_images[:300],
        train_labels=whole.train_labels[:300],
        test_images=whole.test_images[:60],
        test_labels=whole.test_labels[:60],
    )


def cell(kind: str, **changes: object) -> tuple[Cell, nn.Module | None]:
    recipe = Recipe(**(RECIPES["digits"].model_dump() | {"epochs": EPOCHS} | changes))
    plain = Cell("resnet8", "digits", "std", 0.0, "digits", recipe, "sam" if kind == "sam" else "sgd", 0, 3)
    if kind in {"sgd", "sam"}:
        return plain, None
    student = replace(plain, round=1, alpha=0.3, tau=2.0, teacher_checkpoint="best_test", teacher=plain)
    if kind != "student":
        student = replace(student, method=kind)  # type: ignore[arg-type]  # a method
    return student, build("resnet8", 10, seed=7).eval().requires_grad_(False)


def ending(
    what: tuple[Cell, nn.Module | None], data: Dataset, folder: Path, control: Control | None = None
) -> tuple[list[Epoch], dict[str, Saved]]:
    """How a run ended: its history without the wall times, and the checkpoints with their SHA-256."""
    trained = train(what[0], data, what[1], folder=folder, device=CPU, control=control or Control())
    return [replace(epoch, seconds=0.0) for epoch in trained.history], trained.saved


class Ends:
    """Ends a run at each of the given steps, counted over all its pieces, by asking to stop or by an error."""

    def __init__(self, steps: list[int], error: type[BaseException] | None = None) -> None:
        self.left, self.error, self.asked = sorted(steps), error, 0

    def __call__(self) -> bool:
        self.asked += 1
        if not self.left or self.asked <= self.left[0]:
            return False
        self.left.pop(0)
        if self.error:
            raise self.error
        return True


def in_pieces(what: tuple[Cell, nn.Module | None], data: Dataset, folder: Path, ends: Ends) -> tuple[object, int]:
    pieces = 1
    while True:
        try:
            return ending(what, data, folder, Control(should_stop=ends, save_every=0)), pieces
        except (Stopped, KeyboardInterrupt, MemoryError):
            pieces += 1


@pytest.mark.parametrize("kind", ["sgd", "sam", "student", *CONTROLS])
def test_stopped_at_random_steps_it_ends_in_the_same_place(kind: str, data: Dataset, tmp_path: Path) -> None:
    what = cell(kind)
    whole = ending(what, data, tmp_path / "whole")
    draws = random.Random(kind)
    for attempt in range(3):
        stops = sorted(draws.sample(range(EPOCHS * STEPS), draws.randint(1, 5)))
        found, pieces = in_pieces(what, data, tmp_path / str(attempt), Ends(stops))
        assert found == whole, stops
        assert pieces > 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_ended_by_an_error_it_goes_on_from_the_last_epoch(
    error: type[BaseException], data: Dataset, tmp_path: Path
) -> None:
    """As after a kill: nothing is saved at that moment, and what an earlier epoch saved is taken up."""
    what = cell("student")
    whole = ending(what, data, tmp_path / "whole")
    ends = Ends([2, 7, 9, 20], error)
    assert in_pieces(what, data, tmp_path / "pieces", ends) == (whole, 5)
    assert ends.asked > EPOCHS * STEPS, "steps since the last saved state are taken again"


def test_a_best_epoch_before_the_stop_is_not_forgotten(data: Dataset, tmp_path: Path) -> None:
    """The weights of best_test travel in the saved state. With 3 test images the first of many equal epochs is best."""
    few = replace(data, test_images=data.test_images[:3], test_labels=data.test_labels[:3])
    what = cell("sgd", epochs=8)
    history, saved = ending(what, few, tmp_path / "whole")
    scores = [epoch.test_top1 for epoch in history]
    best = scores.index(max(scores)) + 1
    assert scores.count(max(scores)) > 1 and best < 8, "the case that this test is about"
    assert saved["best_test"].epoch == best
    found, _ = in_pieces(what, few, tmp_path / "pieces", Ends([best * STEPS, best * STEPS + 6, 8 * STEPS - 1]))
    assert found == (history, saved)


def test_each_step_is_asked_for_and_each_epoch_is_told(data: Dataset, tmp_path: Path) -> None:
    ends, told = Ends([]), []
    control = Control(told.append, should_stop=ends)
    history = train(cell("sgd")[0], data, None, folder=tmp_path, device=CPU, control=control).history
    assert ends.asked == EPOCHS * STEPS
    assert told == history and [epoch.epoch for epoch in told] == [1, 2, 3, 4]


class LostTheCell(Exception):
    """What a newer attempt's lease makes ``before_write`` raise."""


def test_a_run_that_may_no_longer_write_writes_nothing(data: Dataset, tmp_path: Path) -> None:
    def refuse() -> None:
        raise LostTheCell

    for control in (
        Control(before_write=refuse),
        Control(before_write=refuse, save_every=0),
        Control(before_write=refuse, should_stop=lambda: True),
    ):
        with pytest.raises(LostTheCell):
            ending(cell("sgd"), data, tmp_path, control)
    assert not list(tmp_path.iterdir())


def test_a_state_of_another_cell_is_not_taken_up(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        ending(cell("sgd"), data, tmp_path / "a", Control(should_stop=Ends([6])))
    other = cell("sgd", learning_rate=0.03)
    whole = ending(other, data, tmp_path / "whole")
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / RESUME).rename(tmp_path / "b" / RESUME)
    assert ending(other, data, tmp_path / "b") == whole


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.9, 0.999])
def test_a_state_that_is_cut_short_is_not_taken_up(cut: float, data: Dataset, tmp_path: Path) -> None:
    whole = ending(cell("sgd"), data, tmp_path / "whole")
    with pytest.raises(Stopped):
        ending(cell("sgd"), data, tmp_path / "a", Control(should_stop=Ends([6])))
    state = tmp_path / "a" / RESUME
    state.write_bytes(state.read_bytes()[: int(cut * state.stat().st_size)])
    assert ending(cell("sgd"), data, tmp_path / "a") == whole


@pytest.mark.parametrize("content", [{}, {"key": None}, {"epoch": 1}, [1, 2]], ids=str)
def test_a_state_of_another_shape_is_not_taken_up(content: object, data: Dataset, tmp_path: Path) -> None:
    """Such as an earlier version of this program may have left; it costs time, and must not cost the cell."""
    what = cell("sgd", epochs=1)
    if isinstance(content, dict) and "key" in content:
        content = {"key": what[0].key, "epoch": 1}
    save(tmp_path / RESUME, content)  # type: ignore[arg-type]  # that is the point
    assert ending(what, data, tmp_path)[0][-1].epoch == 1


def test_divergence_in_a_later_epoch_names_that_epoch(data: Dataset, tmp_path: Path) -> None:
    """A weight that becomes infinite between two epochs, in a state that is then taken up."""
    what = cell("sgd")
    with pytest.raises(Stopped):
        ending(what, data, tmp_path, Control(should_stop=Ends([2 * STEPS])))
    content = load_checkpoint(tmp_path / RESUME, CPU)
    content["model"]["linear.weight"].fill_(float("inf"))
    save(tmp_path / RESUME, content)
    with pytest.raises(Diverged, match=r"the training loss is (nan|inf) in epoch 3"):
        ending(what, data, tmp_path)
    assert not list(tmp_path.glob("*-*.pt"))


EVERYTHING = {"val_fraction": 0.2, "ema_decay": 0.9, "label_smoothing": 0.1, "evaluate_every": 3, "warmup_steps": 7}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("kind", ["sgd", "sam", "student"])
def test_every_recipe_goes_on_to_the_same_bits(name: str, kind: str, data: Dataset, tmp_path: Path) -> None:
    """With every option that a recipe can have; batches of 96, so that an epoch has more than one step."""
    changes = {"init": "scratch", "batch_size": 96, "learning_rate": 0.01} | EVERYTHING
    what = cell(kind, **(RECIPES[name].model_dump() | {"epochs": EPOCHS} | changes))
    whole = ending(what, data, tmp_path / "whole")
    found, pieces = in_pieces(what, data, tmp_path / "pieces", Ends([2, 5, 7]))
    assert found == whole and pieces == 4
    assert set(whole[1]) == {"best_test", "best_val", "last"}


@pytest.mark.parametrize(
    ("kind", "aug"), [("student", aug) for aug in AUGMENTATIONS] + [(it, "none") for it in CONTROLS]
)
def test_every_augmentation_draws_the_same_again(kind: str, aug: str, data: Dataset, tmp_path: Path) -> None:
    """Many batches share their draws: a run that stops among them must draw them again as they were. Where no view is
    random a teacher's answers are computed again, all of them."""
    plain, teacher = cell(kind, batch_size=24)
    what = replace(plain, aug=aug), teacher
    whole = ending(what, data, tmp_path / "whole")
    found, pieces = in_pieces(what, data, tmp_path / "pieces", Ends([1, 12, 13, 40]))
    assert found == whole and pieces == 5


def forgetful(classes: int) -> nn.Module:
    """A user's own network, with a dropout that draws from torch's global state."""
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, classes))


def test_what_a_model_draws_for_itself_is_drawn_again(data: Dataset, tmp_path: Path) -> None:
    plain, _ = cell("sgd", learning_rate=0.001)
    what = replace(plain, arch=f"{__name__}:forgetful"), None
    whole = ending(what, data, tmp_path / "whole")
    torch.manual_seed(999)  # another process, with another global state
    found, pieces = in_pieces(what, data, tmp_path / "pieces", Ends([2, 5, 7]))
    assert found == whole and pieces == 4


def test_a_vision_transformer_goes_on_to_the_same_bits(data: Dataset, tmp_path: Path) -> None:
    """At 224 pixels, by the recipe that fine-tunes it, from random weights."""
    few = replace(data, train_images=data.train_images[:4], train_labels=data.train_labels[:4])
    few = replace(few, test_images=data.test_images[:2], test_labels=data.test_labels[:2])
    changes = RECIPES["vit_finetune"].model_dump() | {"init": "scratch", "epochs": 2, "batch_size": 2}
    plain, _ = cell("sgd", **changes)
    what = replace(plain, arch="vit_s32", aug="aa_cutout"), None
    whole = ending(what, few, tmp_path / "whole")
    assert in_pieces(what, few, tmp_path / "pieces", Ends([1, 2, 3])) == (whole, 4)


def test_a_full_disk_ends_a_run_and_keeps_the_state_before(data: Dataset, tmp_path: Path) -> None:
    """A real limit of the kernel on the size of files, in a process of its own; then there is room again."""
    what = cell("sgd", epochs=6)
    whole = ending(what, data, tmp_path / "whole")
    with pytest.raises(Stopped):
        ending(what, data, tmp_path / "a", Control(should_stop=Ends([6])))
    before = (tmp_path / "a" / RESUME).read_bytes()
    process = multiprocessing.get_context("spawn").Process(target=_until_full, args=(what, data, tmp_path / "a"))
    process.start()
    process.join()
    assert process.exitcode == 28  # ENOSPC's number
    assert (tmp_path / "a" / RESUME).read_bytes() == before
    assert [path.name for path in (tmp_path / "a").iterdir()] == [RESUME]
    assert ending(what, data, tmp_path / "a") == whole


def _until_full(what: tuple[Cell, nn.Module | None], data: Dataset, folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        ending(what, data, folder, Control(save_every=0))
    except OSError as error:
        os._exit(28 if error.errno == errno.EFBIG else 1)
    os._exit(0)


@pytest.mark.parametrize("kind", ["sgd", "sam", "student"])
def test_bf16_trains_and_leaves_weights_in_float32(
    kind: str, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sd.train.engine.has_bf16", lambda _: True)  # which this CPU may not have, or not fast
    what = cell(kind, precision="bf16")
    history, _ = ending(what, data, tmp_path / "bf16")
    plain, _ = ending(cell(kind), data, tmp_path / "fp32")
    losses = [[epoch.train_loss for epoch in one] for one in (history, plain)]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    weights = load_checkpoint(next(tmp_path.glob("bf16/last-*.pt")), CPU)["model"]
    assert {tensor.dtype for name, tensor in weights.items() if "num_batches" not in name} == {torch.float32}
