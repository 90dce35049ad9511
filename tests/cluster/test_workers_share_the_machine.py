"""Workers × threads = cores; one GPU a worker where there are GPUs."""

import os

import pytest

from sd import BadInput
from sd.cluster.local import Workers, count_gpus, divide_machine


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.usefixtures("four_cores")
def test_threads_are_divided_among_workers() -> None:
    assert divide_machine(None, "auto", 100) == Workers(4, 1, ("cpu",) * 4)
    assert divide_machine(2, "cpu", 100) == Workers(2, 2, ("cpu",) * 2)
    assert divide_machine(3, "cpu", 100) == Workers(3, 1, ("cpu",) * 3)
    assert divide_machine(8, "cpu", 100) == Workers(8, 1, ("cpu",) * 8)


@pytest.mark.usefixtures("four_cores")
def test_no_more_workers_than_cells_are_started() -> None:
    assert divide_machine(None, "auto", 1) == Workers(1, 4, ("cpu",))


@pytest.mark.usefixtures("four_cores")
def test_each_worker_gets_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs are claimed through the variable that CUDA itself reads; nothing is run on them here."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    assert count_gpus() == 2
    assert divide_machine(None, "auto", 100) == Workers(2, 2, ("cuda:0", "cuda:1"))
    assert divide_machine(4, "cuda", 100).devices == ("cuda:0", "cuda:1", "cuda:0", "cuda:1")
    assert divide_machine(None, "cpu", 100).devices == ("cpu",) * 4


@pytest.mark.usefixtures("four_cores")
def test_a_gpu_that_is_not_there_is_not_promised() -> None:
    with pytest.raises(BadInput, match="--device cuda: no NVIDIA GPU was found here; use --device cpu"):
        divide_machine(None, "cuda", 1)
