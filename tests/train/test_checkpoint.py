"""A checkpoint is whole, is the one that was recorded, and runs nothing when it is read."""

import pickle
from pathlib import Path

import pytest
import torch

from sd.train.checkpoint import BadCheckpoint, load, save

CPU = torch.device("cpu")


def test_what_was_saved_is_loaded_and_its_hash_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    sha256 = save(path, {"model": {"w": torch.arange(3.0)}, "epoch": 4})
    assert load(path, CPU, sha256=sha256)["model"]["w"].tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(BadCheckpoint, match=rf"SHA-256 {sha256}, recorded {'0' * 64}"):
        load(path, CPU, sha256="0" * 64)


def test_the_same_content_has_the_same_hash(tmp_path: Path) -> None:
    content = {"model": {"w": torch.arange(3.0)}}
    assert save(tmp_path / "a.pt", content) == save(tmp_path / "b.pt", content)


def test_a_missing_and_a_damaged_file_say_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    with pytest.raises(BadCheckpoint, match=r"cannot be read .* run the grid again"):
        load(path, CPU)
    save(path, {"w": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(BadCheckpoint, match="is damaged"):
        load(path, CPU)


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("/tmp/sd-was-here"),))  # type: ignore[return-value]  # that is the point


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(BadCheckpoint, match="is damaged"):
        load(path, CPU)
    torch.save({"model": Hostile()}, path)
    with pytest.raises(BadCheckpoint, match="is damaged"):
        load(path, CPU)
    assert not Path("/tmp/sd-was-here").exists()
