"""Tiny-ImageNet: classes in the order of their ids, the official validation split as test split, grey made RGB."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from published import photograph, saved, write_tiny_imagenet

from sd import BadInput
from sd.train.datasets import load, prepare


def pixels(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)


def test_every_image_with_its_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_tiny_imagenet(tmp_path, monkeypatch)
    prepare("tiny_imagenet", tmp_path)
    data = load("tiny_imagenet", tmp_path)
    assert data.train_images.shape == (6, 3, 64, 64) and data.classes == 3 and data.policy == "imagenet"
    assert data.train_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.test_labels.tolist() == [1, 2, 0, 2]
    for n in range(6):
        wnid = ("n01", "n02", "n03")[n // 2]
        assert torch.equal(data.train_images[n], pixels(folder / f"train/{wnid}/images/{wnid}_{n % 2}.JPEG"))
    for n in range(4):
        assert torch.equal(data.test_images[n], pixels(folder / f"val/images/val_{n}.JPEG"))
    grey = data.train_images[5]
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[0], grey[2])


def test_before_it_is_prepared_the_line_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tiny_imagenet(tmp_path, monkeypatch)
    with pytest.raises(BadInput, match=f"python -m sd.data prepare tiny_imagenet --data-root {tmp_path}"):
        load("tiny_imagenet", tmp_path)


def one_line(tmp_path: Path) -> str:
    with pytest.raises(BadInput) as raised:
        prepare("tiny_imagenet", tmp_path)
    text = str(raised.value)
    assert "\n" not in text and not (tmp_path / "prepared" / "tiny_imagenet").exists()
    return text


def test_what_is_wrong_with_the_folders_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_tiny_imagenet(tmp_path, monkeypatch)
    broken = folder / "train/n02/images/n02_1.JPEG"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    assert one_line(tmp_path).startswith(f"{broken}: cannot be used (image file is truncated")
    broken.write_bytes(b"no picture")
    assert one_line(tmp_path).startswith(f"{broken}: cannot be used (cannot identify image file)")
    saved(photograph(1, (64, 60)), broken)
    assert "64×60 pixels where 64×64 are right" in one_line(tmp_path)
    broken.unlink()
    assert "5 training images where tiny_imagenet has 6" in one_line(tmp_path)
    broken.write_bytes(whole)
    (folder / "val/images/val_3.JPEG").rename(tmp_path / "away.JPEG")
    assert "val_3.JPEG: No such file or directory; put tiny_imagenet's official files into" in one_line(tmp_path)
    (tmp_path / "away.JPEG").rename(folder / "val/images/val_3.JPEG")
    annotations = folder / "val/val_annotations.txt"
    lines = annotations.read_text()
    annotations.write_text(lines.replace("n02", "n99"))
    assert f"{annotations}:1: 'n99' is not in wnids.txt" in one_line(tmp_path)
    annotations.write_text(lines)
    (folder / "wnids.txt").write_text("n01\nn02\nn03\nn04\n")
    (folder / "train/n04/images").mkdir(parents=True)
    for other in ("train/n03/images/n03_1.JPEG", "train/n03/images/n03_0.JPEG"):
        (folder / other).rename(folder / "train/n04/images" / Path(other).name)
    assert "labels from 0 to 3 where tiny_imagenet has 3 classes" in one_line(tmp_path)
    prepared = tmp_path / "prepared"
    assert not (prepared / "tiny_imagenet").exists()
