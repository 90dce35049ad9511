"""Small data sets in the formats in which the real ones were published, and ``sd.data`` run on them."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from PIL import Image
from safetensors.torch import save_file
from scipy.io import savemat
from torch import nn

from sd.plan.catalogue import DATASETS
from sd.train.models.pretrained import hub_name
from sd.train.zero_shot import FILES, read_clip

TINY_WNIDS = ["n03", "n01", "n02"]  # not in order, as in wnids.txt


def of_size(monkeypatch: pytest.MonkeyPatch, name: str, *, classes: int, train: int, test: int) -> None:
    """Have the catalogue say that the data set is as small as the one that a test has written."""
    monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], classes=classes, train=train, test=test))


def photograph(seed: int, size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Coarse colours, enlarged: with edges in it, and as smooth as a photograph is."""
    draws = np.random.default_rng(seed)
    coarse = Image.fromarray(draws.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC).convert(mode)


def saved(image: Image.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG", quality=92)
    return path


def write_svhn(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """30 and 20 images; MATLAB's order (row, column, channel, image), labels in a column, 10 for the digit 0."""
    draws = np.random.default_rng(1)
    lists, written = dict(torchvision.datasets.SVHN.split_list), {}
    for split, n in (("train", 30), ("test", 20)):
        file = root / f"{split}_32x32.mat"
        pixels = draws.integers(0, 256, (32, 32, 3, n), dtype=np.uint8)
        labels = (np.arange(n) % 10 + 1).astype(np.uint8)[:, None]
        savemat(file, {"X": pixels, "y": labels}, do_compression=True)
        lists[split] = ["http://nowhere.invalid/", file.name, hashlib.md5(file.read_bytes()).hexdigest()]
        written[split] = pixels, labels
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", lists)
    of_size(monkeypatch, "svhn", classes=10, train=30, test=20)
    return written


def write_tiny_imagenet(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three classes of two training images, and four of the validation split; one image of each is grey."""
    folder = root / "tiny-imagenet-200"
    folder.mkdir()
    (folder / "wnids.txt").write_text("\n".join(TINY_WNIDS) + "\n")
    for seed, wnid in enumerate(TINY_WNIDS):
        for number in range(2):
            mode = "L" if (seed, number) == (0, 1) else "RGB"
            path = folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG"
            saved(photograph(10 * seed + number, (64, 64), mode), path)
    lines = []
    for number, wnid in enumerate(["n02", "n03", "n01", "n03"]):
        saved(
            photograph(100 + number, (64, 64), "L" if number == 2 else "RGB"), folder / f"val/images/val_{number}.JPEG"
        )
        lines.append(f"val_{number}.JPEG\t{wnid}\t0\t0\t62\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    of_size(monkeypatch, "tiny_imagenet", classes=3, train=6, test=4)
    return folder


SIZES = [(300, 225), (225, 300), (224, 224), (500, 223), (61, 40), (40, 61), (640, 231), (231, 333)]


def write_imagenet(root: Path, train: int = 8, val: int = 4) -> Path:
    """Two classes, images of many shapes, in ``ImageFolder``'s layout."""
    folder = root / "imagenet"
    for split, n in (("train", train), ("val", val)):
        for number in range(n):
            image = photograph(number + 1000 * (split == "val"), SIZES[number % len(SIZES)])
            saved(image, folder / split / ("n01", "n02")[number % 2] / f"{number:03}.JPEG")
    return folder


def write_imagenetv2(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eleven classes, numbered: in the order of names, 10 comes before 2."""
    folder = root / "imagenetv2-matched-frequency-format-val"
    for label in range(11):
        saved(Image.new("RGB", (240, 230), (20 * label, 0, 0)), folder / str(label) / f"{label:x}f.jpeg")
    of_size(monkeypatch, "imagenetv2", classes=11, train=0, test=11)
    return folder


@contextlib.contextmanager
def publish_clip(arch: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[nn.Module]:
    """Random weights of both of CLIP's encoders in half precision, as OpenAI's are, where the hub's own would lie.

    They take 0.2 GB, which no folder of a finished test should hold.
    """
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    clip: nn.Module = read_clip(arch, pretrained=False)
    folder = cache / f"models--{hub_name(arch).replace('/', '--')}"
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    halves = {name: tensor.half().contiguous() for name, tensor in clip.state_dict().items()}
    save_file(halves, folder / "snapshots" / "abc" / FILES[0])
    try:
        yield clip
    finally:
        shutil.rmtree(folder)


def data_command(name: str, root: Path, *, before: str = "") -> list[str]:
    """``python -m sd.data prepare`` as a process of its own, which believes this process's catalogue.

    Args:
        before: statements that come first.
    """
    program = (
        "import sys; from sd import data, verb; from sd.plan.catalogue import DATASETS, Dataset; "
        f"DATASETS[{name!r}] = Dataset(**{asdict(DATASETS[name])!r}); {before}\n"
        f"sys.argv = ['sd.data', 'prepare', {name!r}, '--data-root', {str(root)!r}]; verb.main(data.app)"
    )
    return [sys.executable, "-c", program]


def run_prepare(name: str, root: Path, *, before: str = "") -> subprocess.CompletedProcess[str]:
    command = data_command(name, root, before=before)
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ})


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
