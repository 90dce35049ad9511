"""A teacher's answers to a large training set are computed once, and every later run reads the very same numbers."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sd import durable
from sd.plan.cell import Cell
from sd.plan.recipe import RECIPES
from sd.train import answers
from sd.train import teacher as teacher_module
from sd.train.answers import Source, keep, kept
from sd.train.datasets import Dataset, load
from sd.train.engine import Engine
from sd.train.models import build
from sd.train.teacher import Teacher
from sd.train.trainer import Control, Stopped, train

CPU = torch.device("cpu")
PLAIN = Engine(bf16=False)
SHAPE = (1000, 10)


@pytest.fixture(scope="module")
def data() -> Dataset:
    torch.set_num_threads(1)
    return load("digits")


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    found = build("resnet8", 10, seed=1).train()
    found(torch.randn(8, 3, 32, 32))
    return found.eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def every_set_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher_module, "_LARGE", 0)


def source(folder: Path) -> Source:
    return Source(folder, "0123456789abcdef" * 4, "digits")


class Counted(nn.Module):
    """A model and how often it was asked."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.calls = model, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        answer: Tensor = self.model(x)
        return answer


def remembering(model: nn.Module, data: Dataset, place: Source | None, aug: str = "none") -> tuple[Teacher, int]:
    """A teacher that has remembered, and how many batches it computed for that."""
    counted = Counted(model).eval()
    teacher = Teacher(counted, PLAIN, CPU)
    teacher._eager, counted.calls = counted, 0  # not a folded copy, whose calls would not be seen
    teacher.remember(data, aug, place)
    return teacher, counted.calls


def test_the_second_run_reads_what_the_first_has_computed(data: Dataset, model: nn.Module, tmp_path: Path) -> None:
    first, computed = remembering(model, data, source(tmp_path))
    second, again = remembering(model, data, source(tmp_path))
    assert (computed, again) == (1, 0)
    rows = torch.tensor([3, 999, 4])
    seen = data.normalise(data.train_images[rows])
    found = second.logits(seen, rows)
    assert torch.equal(found, first.logits(seen, rows))
    assert torch.allclose(found.float(), model(seen), rtol=2**-10, atol=1e-4)
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("logits-0123456789ab-digits-train-fp32-") and file.suffix == ".npy"
    assert np.load(file).shape == SHAPE and np.load(file).dtype == np.float16


def test_the_numbers_are_the_same_without_a_file(data: Dataset, model: nn.Module, tmp_path: Path) -> None:
    with_file, without = remembering(model, data, source(tmp_path))[0], remembering(model, data, None)[0]
    assert with_file._cached is not None and without._cached is not None
    assert torch.equal(with_file._cached, without._cached)


def test_no_file_where_views_are_random_or_the_set_is_small(
    data: Dataset, model: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remembering(model, data, source(tmp_path), aug="crop")[1] == 0
    monkeypatch.setattr(teacher_module, "_LARGE", 4 * 1000 * 10)
    teacher, computed = remembering(model, data, source(tmp_path))
    assert computed == 1 and teacher._cached is not None and teacher._cached.dtype == torch.float32
    assert not list(tmp_path.iterdir())


def test_the_name_depends_on_all_that_the_numbers_depend_on(data: Dataset, tmp_path: Path) -> None:
    pixels = data.train_images.clone()
    pixels[0, 0, 0, 0] += 1
    own = source(tmp_path)
    names = [
        own.file(data, "fp32"),
        own.file(data, "bf16"),
        replace(own, sha256="f" * 64).file(data, "fp32"),
        replace(own, dataset="my.flowers:flowers").file(data, "fp32"),
        own.file(replace(data, mean=(0.5, 0.5, 0.5)), "fp32"),
        own.file(replace(data, std=(0.5, 0.5, 0.5)), "fp32"),
        own.file(replace(data, train_images=pixels), "fp32"),
        own.file(replace(data, train_images=data.train_images[:999]), "fp32"),
        own.file(replace(data, classes=11), "fp32"),
    ]
    assert len(set(names)) == len(names)
    assert own.file(data, "fp32") == own.file(replace(data, train_labels=data.train_labels + 1), "fp32")
    assert own.file(replace(data, train_images=data.train_images[:0]), "fp32")


def parts(value: float = 1.0) -> Iterator[Tensor]:
    yield from torch.full(SHAPE, value, dtype=torch.float16).split(300)


DAMAGES = [
    lambda blob: blob[:-1],
    lambda _: b"",
    lambda blob: b"x" + blob[1:],
    lambda blob: blob[:5000] + bytes([blob[5000] ^ 1]) + blob[5001:],  # one bit of one logit
    lambda blob: blob[:-40] + b"x" + blob[-39:],
    lambda blob: blob[:-1] + bytes([blob[-1] ^ 1]),
    lambda blob: blob + b"x",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_again(damage: object, tmp_path: Path) -> None:
    path = tmp_path / "logits.npy"
    assert kept(path, SHAPE) is None
    keep(path, SHAPE, parts())
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert kept(path, SHAPE) is None
    found = keep(path, SHAPE, parts(2.0))
    assert found is not None and bool((found == 2).all())


def test_one_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """It has no seal."""
    path = tmp_path / "logits.npy"
    np.save(path, np.full(SHAPE, 3, dtype=np.float16))
    found = kept(path, SHAPE)
    assert found is not None and bool((found == 3).all())


def test_a_good_one_that_comes_while_a_damaged_one_is_looked_at_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "logits.npy"
    path.write_bytes(b"damaged")
    looked = iter(range(10))

    def slow(file: Path, shape: tuple[int, int]) -> Tensor | None:
        found = kept(file, shape)
        if next(looked) == 0:
            path.unlink()
            keep(path, SHAPE, parts(2.0))
        return found

    monkeypatch.setattr(answers, "kept", slow)
    found = answers.keep(path, SHAPE, parts(5.0))
    assert found is not None and bool((found == 2).all())
    assert [it.name for it in tmp_path.iterdir()] == ["logits.npy"]


def test_a_file_of_another_shape_is_not_taken(tmp_path: Path) -> None:
    keep(tmp_path / "logits.npy", SHAPE, parts())
    assert kept(tmp_path / "logits.npy", (1000, 9)) is None


def test_a_run_that_is_stopped_leaves_nothing(data: Dataset, model: nn.Module, tmp_path: Path) -> None:
    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        Teacher(model, PLAIN, CPU).remember(data, "none", source(tmp_path), stop)
    assert not list(tmp_path.iterdir())


def test_of_several_runs_at_once_the_first_to_end_counts_for_all(tmp_path: Path) -> None:
    """Each computes other numbers, as GPUs may; whoever comes later reads those of the file that is there."""
    path, found = tmp_path / "logits.npy", {}
    ready = threading.Barrier(5)

    def run(number: int) -> None:
        def slow() -> Iterator[Tensor]:
            ready.wait(timeout=60)  # all have begun before any ends
            yield from parts(number)

        found[number] = keep(path, SHAPE, slow())

    threads = [threading.Thread(target=run, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = {float(it.float().mean()) for it in found.values() if it is not None}
    assert len(found) == 5 and len(values) == 1 and None not in found.values()
    assert [it.name for it in tmp_path.iterdir()] == ["logits.npy"]


def test_where_the_file_system_has_no_links_the_file_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(durable.Path, "hardlink_to", refuse)
    assert keep(tmp_path / "logits.npy", SHAPE, parts()) is not None
    assert [it.name for it in tmp_path.iterdir()] == ["logits.npy"]


@pytest.mark.parametrize("obstacle", ["full", "read-only"])
def test_where_nothing_can_be_kept_the_run_goes_on_without(
    obstacle: str, data: Dataset, model: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("read-only")

    if obstacle == "full":
        monkeypatch.setattr(answers.shutil, "disk_usage", lambda _: SimpleNamespace(free=2 * 1000 * 10))
    else:
        monkeypatch.setattr(durable.os, "open", refuse)
    teacher, computed = remembering(model, data, source(tmp_path))
    assert computed == 1 and not list(tmp_path.iterdir())
    assert teacher._cached is not None and torch.equal(teacher._cached, remembering(model, data, None)[0]._cached)


def test_a_disk_that_fills_up_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[Tensor]:
        yield next(parts())
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        keep(tmp_path / "logits.npy", SHAPE, failing())
    assert not list(tmp_path.iterdir())


def test_drafts_of_killed_runs_are_removed_and_those_of_running_ones_are_not(tmp_path: Path) -> None:
    old, young, other = (tmp_path / f".{name}.part" for name in ("logits.npy.a1", "logits.npy.b2", "else.npy.c3"))
    for draft in (old, young, other):
        draft.write_bytes(b"draft")
    for draft in (old, other):
        os.utime(draft, (time.time() - 7200,) * 2)
    keep(tmp_path / "logits.npy", SHAPE, parts())
    assert not old.exists() and young.exists() and other.exists()


def trained(folder: Path, place: Source | None, data: Dataset, model: nn.Module, stops: list[int]) -> dict[str, str]:
    """The checkpoints' hashes of a student, trained in one go or stopped at the given steps and taken up again."""
    recipe = RECIPES["digits"].model_copy(update={"epochs": 2})
    first = Cell("resnet8", "digits", "none", 0.0, "digits", recipe, "sgd", 0, 0)
    student = replace(first, round=1, alpha=0.2, tau=4.0, teacher_checkpoint="last", teacher=first)
    for stop in [*stops, None]:
        asked = iter(range(10_000))
        control = Control(should_stop=lambda stop=stop, asked=asked: stop is not None and next(asked) >= stop)
        try:
            done = train(student, data, model, folder=folder, device=CPU, control=control, answers=place)
        except Stopped:
            continue
        return {name: saved.sha256 for name, saved in done.saved.items()}
    raise AssertionError("never ended")


def test_interrupted_and_resumed_equals_never_interrupted(data: Dataset, model: nn.Module, tmp_path: Path) -> None:
    """Stopped while the answers are computed (the first question), and in both epochs; with and without the file."""
    for folder in ("whole", "resumed", "alone"):
        (tmp_path / folder).mkdir()
    whole = trained(tmp_path / "whole", source(tmp_path), data, model, [])
    (file,) = tmp_path.glob("logits-*.npy")
    file.unlink()
    assert trained(tmp_path / "resumed", source(tmp_path), data, model, [0, 3, 9]) == whole
    assert file.exists()
    assert trained(tmp_path / "alone", None, data, model, []) == whole
