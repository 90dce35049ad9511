"""Whatever has happened to a checkpoint's file, reading it is one clear line and never a crash or wrong weights."""

import random
from pathlib import Path

import pytest
import torch

from sd.plan.cell import Cell
from sd.plan.recipe import RECIPES
from sd.train.checkpoint import BadCheckpoint, load, save, save_sealed
from sd.train.models import build
from sd.train.teacher import load_trained

CPU = torch.device("cpu")
CELL = Cell("resnet8", "digits", "none", 0.0, "digits", RECIPES["digits"], "sgd", 0, 0)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "best_test.pt"
    return path, save(path, {"key": CELL.key, "model": build("resnet8", 10, seed=4).state_dict()})


def complaint(path: Path, sha256: str | None) -> str:
    with pytest.raises(BadCheckpoint) as raised:
        load(path, CPU, sha256=sha256)
    text = str(raised.value)
    assert text.startswith(f"{path}: ") and "\n" not in text and "run the grid again" in text
    return text


def test_a_file_cut_short_anywhere_is_damaged(saved: tuple[Path, str]) -> None:
    path, sha256 = saved
    blob = path.read_bytes()
    for size in [0, 1, len(blob) - 1, *random.Random(0).sample(range(len(blob)), 20)]:
        path.write_bytes(blob[:size])
        assert "is damaged" in complaint(path, None)
        assert "is not the checkpoint that was recorded" in complaint(path, sha256)


def test_a_single_changed_byte_is_seen_by_the_hash(saved: tuple[Path, str]) -> None:
    """torch itself would read most of these without a word."""
    path, sha256 = saved
    blob = bytearray(path.read_bytes())
    for place in random.Random(1).sample(range(len(blob)), 20):
        changed = bytearray(blob)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert sha256 in complaint(path, sha256)


def test_a_folder_and_a_file_that_is_not_there_are_not_crashes(tmp_path: Path) -> None:
    assert "cannot be read" in complaint(tmp_path / "none.pt", None)
    assert "cannot be read" in complaint(tmp_path, None)


def test_a_teacher_is_the_recorded_model_frozen_in_eval_mode(saved: tuple[Path, str]) -> None:
    path, sha256 = saved
    teacher = load_trained(CELL, path, sha256, 10, CPU)
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    for name, tensor in build("resnet8", 10, seed=4).state_dict().items():
        assert torch.equal(teacher.state_dict()[name], tensor), name


def test_a_teacher_that_was_overwritten_by_another_model_is_refused(saved: tuple[Path, str]) -> None:
    path, sha256 = saved
    save(path, {"key": CELL.key, "model": build("resnet8", 10, seed=5).state_dict()})
    with pytest.raises(BadCheckpoint, match=f"recorded {sha256}"):
        load_trained(CELL, path, sha256, 10, CPU)


def test_a_tensor_comes_back_bit_for_bit_with_its_layout(tmp_path: Path) -> None:
    """Layout too: a channels-last weight that came back contiguous would be summed in another order."""
    weight = torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last)
    save(tmp_path / "a.pt", {"w": weight, "special": torch.tensor([float("nan"), float("inf"), -0.0])})
    found = load(tmp_path / "a.pt", CPU)
    assert torch.equal(found["w"], weight) and found["w"].stride() == weight.stride()
    special = found["special"].tolist()
    assert special[0] != special[0] and special[1] == float("inf") and str(special[2]) == "-0.0"


def test_a_saved_state_notices_any_changed_byte_itself(tmp_path: Path) -> None:
    """Nobody else keeps its hash; one of a version before it was sealed is read as it is."""
    path = tmp_path / "resume.pt"
    content = {"key": "k", "model": torch.arange(100.0)}
    save_sealed(path, content)
    assert torch.equal(load(path, CPU)["model"], content["model"])
    blob = path.read_bytes()
    for place in random.Random(2).sample(range(len(blob) - 40), 20):
        changed = bytearray(blob)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert "is damaged" in complaint(path, None)
    path.write_bytes(blob[:-40])
    assert torch.equal(load(path, CPU)["model"], content["model"])
