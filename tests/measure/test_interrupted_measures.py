"""A measure that is stopped, killed, or finds a damaged state ends with the numbers of one that never was."""

import dataclasses
import multiprocessing
import os
from pathlib import Path

import pytest
import torch
from networks import Attentive, Convolutional, digits, trained
from torch import nn

from sd.measure.curvature import Curvature, curvature
from sd.measure.landscape import landscape
from sd.measure.scratch import Scratch
from sd.measure.watch import Watch


class Interrupted(Exception):
    pass


def stops_after(calls: int) -> Watch:
    left = [calls]

    def advance(doing: str, done: int, total: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted

    return Watch(advance=advance)


def model(kind: type[nn.Module]) -> nn.Module:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return trained(kind(), steps=20)


def measured(
    kind: type[nn.Module], scratch: Path | Scratch | None, watch: Watch | None = None, seed: int = 0
) -> object:
    found = curvature(
        model(kind), *digits(40), steps=9, runs=2, probes=24, trace_error=0, seed=seed, scratch=scratch, watch=watch
    )
    return without_seconds(found)


def without_seconds(found: Curvature) -> object:
    return dataclasses.replace(found, seconds=0.0)


@pytest.mark.parametrize("kind", [Convolutional, Attentive])
@pytest.mark.parametrize("calls", [0, 1, 4, 11, 17, 22])
def test_stopped_and_taken_up_equals_never_stopped(kind: type[nn.Module], calls: int, tmp_path: Path) -> None:
    wanted = measured(kind, None)
    folder = tmp_path / "partial"
    for _ in range(2):
        try:
            assert measured(kind, folder, stops_after(calls)) == wanted
            break
        except Interrupted:
            continue
    assert measured(kind, folder) == wanted
    assert not folder.exists()


def test_steps_that_were_taken_are_not_taken_again(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        measured(Attentive, tmp_path / "partial", stops_after(7))
    places: list[tuple[str, int]] = []
    measured(Attentive, tmp_path / "partial", Watch(advance=lambda doing, done, total: places.append((doing, done))))
    assert places[0] == ("Lanczos", 7)


def doomed(folder: Path) -> None:
    def advance(doing: str, done: int, total: int) -> None:
        if doing.startswith("Lanczos") and done == 6:
            os.kill(os.getpid(), 9)

    kept = Scratch(folder, "mine", save_every=0.0)
    measured(Attentive, kept, Watch(advance=advance))


def test_killed_and_taken_up_equals_never_killed(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=doomed, args=(tmp_path / "partial",))
    child.start()
    child.join()
    assert child.exitcode == -9
    places: list[int] = []
    watch = Watch(advance=lambda doing, done, total: places.append(done))
    assert measured(Attentive, Scratch(tmp_path / "partial", "mine"), watch) == measured(Attentive, None)
    assert places[0] == 6


@pytest.mark.parametrize("damage", ["truncated", "flipped", "no state", "no rows", "another seed"])
def test_a_damaged_state_is_not_taken_up(damage: str, tmp_path: Path) -> None:
    folder = tmp_path / "partial"
    with pytest.raises(Interrupted):
        measured(Attentive, folder, stops_after(7), seed=1 if damage == "another seed" else 0)
    rows, state = folder / "run-0.rows", folder / "run-0.json"
    blob = rows.read_bytes()
    if damage == "truncated":
        rows.write_bytes(blob[:-5])
    elif damage == "flipped":
        rows.write_bytes(blob[:1000] + bytes([blob[1000] ^ 1]) + blob[1001:])
    elif damage == "no state":
        state.write_text('{"fingerprint"')
    elif damage == "no rows":
        rows.unlink()
    assert measured(Attentive, folder) == measured(Attentive, None)


def test_a_state_in_which_a_digit_has_changed_is_not_taken_up(tmp_path: Path) -> None:
    """It would still be JSON. One of an earlier version, which has no seal, is taken up."""
    scratch = Scratch(tmp_path, "mine")
    scratch.keep("sums", {"sums": [1.25, 2.5]})
    path = tmp_path / "sums.json"
    blob = path.read_bytes()
    path.write_bytes(blob.replace(b"1.25", b"1.75"))
    assert scratch.kept("sums") is None
    path.write_bytes(blob[: blob.index(b"\nsha256 ")])
    assert scratch.kept("sums") == {"sums": [1.25, 2.5]}


def test_a_basis_in_a_file_gives_what_one_in_memory_gives(tmp_path: Path) -> None:
    network, (images, labels) = model(Attentive), digits(40)
    wanted = curvature(network, images, labels, steps=20, top=5, trace_error=0.5)
    for scratch in (None, tmp_path / "partial"):
        said: list[str] = []
        found = curvature(
            network,
            images,
            labels,
            steps=20,
            top=5,
            trace_error=0.5,
            memory=0,
            scratch=scratch,
            watch=Watch(say=said.append),
        )
        assert found.eigenvalues == pytest.approx(wanted.eigenvalues, rel=1e-4)
        assert found.trace == pytest.approx(wanted.trace, rel=1e-4)
        assert "in a file" in said[0] and "GB of memory" in said[0] and len(said) == 1


def test_nothing_is_written_by_one_who_may_not(tmp_path: Path) -> None:
    def fenced() -> None:
        raise PermissionError

    kept = Scratch(tmp_path / "partial", "mine", save_every=0.0, before_write=fenced)
    with pytest.raises(PermissionError):
        measured(Attentive, kept)
    assert not list((tmp_path / "partial").rglob("*"))


def test_a_surface_goes_on_after_its_finished_rows(tmp_path: Path) -> None:
    network, (images, labels) = model(Convolutional), digits(40)
    wanted = landscape(network, images, labels, points=5)
    with pytest.raises(Interrupted):
        landscape(network, images, labels, points=5, scratch=tmp_path / "partial", watch=stops_after(13))
    places: list[int] = []
    watch = Watch(advance=lambda doing, done, total: places.append(done))
    found = landscape(network, images, labels, points=5, scratch=tmp_path / "partial", watch=watch)
    assert places[0] == 10
    assert dataclasses.replace(found, seconds=0) == dataclasses.replace(wanted, seconds=0)
    assert not (tmp_path / "partial").exists()
