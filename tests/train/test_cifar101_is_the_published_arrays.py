"""CIFAR-10.1 is read from numpy's files as they were published, and fetched; so is the table of ImageNet's testbed."""

import subprocess
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from published import of_size

from sd import BadInput
from sd.plan.catalogue import DATASETS, TESTBED
from sd.plan.shifts import NATURAL
from sd.train.datasets import cifar101, fetch, fetch_testbed, load, prepare, standing
from sd.train.datasets.github import GitHubFile, git_blob
from sd.train.datasets.prepared import is_prepared


def write_cifar101(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, n: int = 30) -> tuple[np.ndarray, ...]:
    """A few images in the published format: uint8 (n, 32, 32, 3), and int32 labels; only the hashes are of these."""
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(n).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(n, dtype=np.int32) % 10
    files = []
    for file, content in zip(cifar101.CIFAR101[name], (pixels, labels), strict=True):
        np.save(folder / file.name, content)
        files.append(replace(file, blob=git_blob((folder / file.name).read_bytes())))
    monkeypatch.setitem(cifar101.CIFAR101, name, tuple(files))
    of_size(monkeypatch, name, classes=10, train=0, test=n)
    return pixels, labels


@pytest.mark.parametrize("name", ["cifar10.1", "cifar10.1_v4"])
def test_pixels_and_labels_before_and_after_it_is_prepared(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, labels = write_cifar101(tmp_path / "cifar10.1", name, monkeypatch)
    direct = load(name, tmp_path)
    assert standing(name, tmp_path).startswith("original files are there; convert them with: python -m sd.data prepare")
    prepare(name, tmp_path)
    assert is_prepared(name, tmp_path)
    for data in (direct, load(name, tmp_path)):
        assert np.array_equal(data.test_images.permute(0, 2, 3, 1).numpy(), pixels)
        assert data.test_images.dtype == torch.uint8 and data.test_images.is_contiguous()
        assert data.test_labels.tolist() == labels.tolist() and data.test_labels.dtype == torch.int64
        assert len(data.train_labels) == 0 and data.train_images.shape == (0, 3, 32, 32)


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar101(tmp_path / "cifar10.1", "cifar10.1", monkeypatch)
    file = tmp_path / "cifar10.1" / "cifar10.1_v6_data.npy"
    blob = bytearray(file.read_bytes())
    blob[-9] ^= 1
    file.write_bytes(blob)
    with pytest.raises(
        BadInput, match=r"cifar10.1 is not \(whole\) under .*; fetch it with: python -m sd.data prepare"
    ):
        load("cifar10.1", tmp_path)


def test_the_catalogue_knows_the_published_numbers_of_images_and_whose_test_sets_they_are() -> None:
    """2,000 and 2,021 images: README of modestyachts/CIFAR-10.1."""
    assert [(DATASETS[name].train, DATASETS[name].test) for name in cifar101.CIFAR101] == [(0, 2000), (0, 2021)]
    for name, of in NATURAL.items():
        assert (DATASETS[name].classes, DATASETS[name].side) == (DATASETS[of].classes, DATASETS[of].side)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files come for those of GitHub, by their names."""
    folder = tmp_path / "server"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    serving = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=serving.serve_forever, daemon=True).start()
    place = f"http://127.0.0.1:{serving.server_port}"
    monkeypatch.setattr(GitHubFile, "url", property(lambda file: f"{place}/{file.name}"))
    return folder


def test_it_is_downloaded_checked_and_not_twice(server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, _ = write_cifar101(server, "cifar10.1", monkeypatch)
    root = tmp_path / "data"
    (root / "cifar10.1").mkdir(parents=True)
    cut_off = (server / "cifar10.1_v6_data.npy").read_bytes()[:5000]
    (root / "cifar10.1" / "cifar10.1_v6_data.npy").write_bytes(cut_off)
    prepare("cifar10.1", root)
    assert np.array_equal(load("cifar10.1", root).test_images.permute(0, 2, 3, 1).numpy(), pixels)
    for file in server.iterdir():
        file.unlink()
    fetch.fetch("cifar10.1", root)


def test_what_comes_in_its_place_is_refused(server: Path, tmp_path: Path) -> None:
    (server / "cifar10.1_v6_data.npy").write_bytes(b"something else")
    with pytest.raises(BadInput, match=r"cifar10.1 cannot be fetched \(.* is not the published file: .*\); or put its"):
        prepare("cifar10.1", tmp_path / "data")
    (server / "robustness_top1s.csv").write_text("model,val\n")
    with pytest.raises(BadInput, match=r"imagenet_testbed cannot be fetched \(.* is not the published file"):
        fetch_testbed(TESTBED, tmp_path / "data")


def test_the_testbed_is_put_beside_the_data_sets(server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (server / "robustness_top1s.csv").write_text("model,val\nresnet50,76.13\n")
    known = replace(fetch.TESTBEDS[TESTBED], blob=git_blob((server / "robustness_top1s.csv").read_bytes()))
    monkeypatch.setitem(fetch.TESTBEDS, TESTBED, known)
    assert set(fetch.TESTBEDS) == {TESTBED}
    path = fetch_testbed(TESTBED, tmp_path)
    assert path == tmp_path / "imagenet_testbed" / "robustness_top1s.csv" and "resnet50" in path.read_text()


def test_the_hash_is_gits_and_the_place_one_commits(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x00some bytes\n" * 1000)
    said = subprocess.run(["git", "hash-object", tmp_path / "file"], capture_output=True, text=True, check=True)
    assert git_blob((tmp_path / "file").read_bytes()) == said.stdout.strip()
    assert fetch.TESTBEDS[TESTBED].url == (
        "https://github.com/modestyachts/imagenet-testbed/raw/0170eec658d664289d9f61de8f90f967f49abca0/"
        "robustness_top1s.csv"
    )
