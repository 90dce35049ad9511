"""Streamed batches are what indexing gives, in order, by a thread that is a little ahead and ends with its reader."""

import threading
import time
from pathlib import Path

import pytest
import torch
from published import write_svhn
from torch import Tensor

from sd.train.datasets import load, prepare
from sd.train.datasets.stream import AHEAD, ahead, stream

CPU = torch.device("cpu")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """A memory map of 30 images."""
    write_svhn(tmp_path, monkeypatch)
    prepare("svhn", tmp_path)
    return load("svhn", tmp_path).train_images


def batches(n: int, size: int) -> tuple[Tensor, ...]:
    return torch.randperm(n, generator=torch.Generator().manual_seed(0)).split(size)


def threads() -> int:
    return sum(thread.name == "batches ahead" for thread in threading.enumerate())


def test_on_the_images_own_device_it_is_indexing(images: Tensor) -> None:
    order = batches(30, 7)
    found = list(stream(images, order, CPU))
    assert [len(batch) for batch in found] == [7, 7, 7, 7, 2]
    assert all(torch.equal(batch, images[index]) for batch, index in zip(found, order, strict=True))
    assert threads() == 0


@pytest.mark.parametrize("size", [1, 7, 30])
def test_the_thread_gives_the_same_batches_in_the_same_order(images: Tensor, size: int) -> None:
    order = batches(30, size)
    found = list(ahead(lambda index: images.index_select(0, index), order))
    assert all(torch.equal(batch, images[index]) for batch, index in zip(found, order, strict=True))
    assert threads() == 0


def test_it_is_at_most_two_batches_ahead(images: Tensor) -> None:
    """Memory for the batches ahead is pinned: it must not grow with the epoch."""
    begun: list[int] = []

    def gather(index: Tensor) -> int:
        begun.append(int(index))
        return int(index)

    reader = ahead(gather, [torch.tensor(n) for n in range(20)])
    for n in range(10):
        assert next(reader) == n
        time.sleep(0.01)
        assert len(begun) <= n + 1 + AHEAD
    deadline = time.monotonic() + 10
    while len(begun) < 10 + AHEAD and time.monotonic() < deadline:
        time.sleep(0.01)
    reader.close()
    assert threads() == 0 and len(begun) == 10 + AHEAD


def test_an_error_in_the_thread_is_raised_at_its_batch() -> None:
    """Such as a disk that goes away under the memory map, as far as that can be raised at all."""

    def gather(index: Tensor) -> int:
        if int(index) == 3:
            raise OSError("the disk is gone")
        return int(index)

    found = []
    with pytest.raises(OSError, match="the disk is gone"):
        for n in ahead(gather, [torch.tensor(n) for n in range(9)]):
            found.append(n)  # noqa: PERF402 # what came before the error is what is asked
    assert found == [0, 1, 2] and threads() == 0


def test_the_thread_ends_when_its_reader_stops_or_fails(images: Tensor) -> None:
    for stop in (0, 1, 4):
        reader = ahead(lambda index: images.index_select(0, index), batches(30, 3))
        for _ in range(stop):
            next(reader)
        reader.close()
        assert threads() == 0
    with pytest.raises(ZeroDivisionError):
        for batch in ahead(lambda index: images.index_select(0, index), batches(30, 3)):
            _ = len(batch) // 0
    assert threads() == 0


def test_images_go_to_a_gpu_only_if_they_take_less_than_half_of_what_is_free(
    images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a GPU: the moves are noted, not made."""
    data = load("svhn", tmp_path)
    needed = data.train_images.nbytes + data.test_images.nbytes
    moved: list[tuple[int, ...]] = []
    monkeypatch.setattr(Tensor, "to", lambda self, _: moved.append(tuple(self.shape)) or self)
    for free, shapes in (
        (2 * needed, [(30,), (20,)]),
        (2 * needed + 2, [(30, 3, 32, 32), (20, 3, 32, 32), (30,), (20,)]),
    ):
        moved.clear()
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 10 * free))
        data.to(torch.device("cuda"))
        assert moved == shapes


def test_on_a_cpu_the_memory_map_stays_one(images: Tensor, tmp_path: Path) -> None:
    data = load("svhn", tmp_path)
    assert data.to(CPU).train_images.data_ptr() == data.train_images.data_ptr()
