"""A download is checked, unpacked whole or not at all, and not made twice; ImageNet's own archives are unpacked."""

import hashlib
import io
import shutil
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets.imagenet
from published import of_size, write_imagenet, write_imagenetv2, write_tiny_imagenet
from scipy.io import savemat

from sd import BadInput
from sd.train.datasets import fetch, load, prepare


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serves the folder ``server`` over HTTP, to this machine."""
    (tmp_path / "server").mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "server"))) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def test_tiny_imagenet_comes_as_a_zip(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_tiny_imagenet(tmp_path / "server", monkeypatch)
    archive = Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))
    shutil.rmtree(folder)
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    root = tmp_path / "data"
    monkeypatch.setattr(fetch, "_TINY_IMAGENET", (f"{server}/{archive.name}", "0" * 32))
    with pytest.raises(BadInput, match=r"tiny_imagenet cannot be fetched \(File not found or corrupted.\); or put"):
        prepare("tiny_imagenet", root)
    monkeypatch.setattr(fetch, "_TINY_IMAGENET", (f"{server}/{archive.name}", md5))
    (root / "tiny-imagenet-200.partial" / "train").mkdir(parents=True)  # of an unpacking that was killed
    prepare("tiny_imagenet", root)
    assert len(load("tiny_imagenet", root).train_labels) == 6
    assert sorted(path.name for path in root.iterdir()) == ["prepared", "tiny-imagenet-200", "tiny-imagenet-200.zip"]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_imagenetv2_comes_as_a_tar(mode: str, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed or, as on Hugging Face, not, under the same name."""
    folder = write_imagenetv2(tmp_path / "server", monkeypatch)
    archive = tmp_path / "server" / "imagenetv2-matched-frequency.tar.gz"
    with tarfile.open(archive, mode) as tar:
        tar.add(folder, folder.name)
    root = tmp_path / "data"
    root.mkdir()
    monkeypatch.setattr(fetch, "_IMAGENETV2", f"{server}/{archive.name}")
    with pytest.raises(BadInput, match=r"imagenetv2 cannot be fetched \(.* has another SHA-256"):
        prepare("imagenetv2", root)
    monkeypatch.setattr(fetch, "_IMAGENETV2_SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    (root / archive.name).write_bytes(archive.read_bytes()[:5000])  # a download that was cut off
    prepare("imagenetv2", root)
    assert len(load("imagenetv2", root).test_labels) == 11


def packed(files: dict[str, bytes], mode: str = "w") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as tar:
        for name, blob in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(blob)
            tar.addfile(entry, io.BytesIO(blob))
    return content.getvalue()


def test_imagenets_official_archives_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tar of a tar for each class, validation images without folders, and the kit that says what they show."""
    published = write_imagenet(tmp_path / "published")
    of_size(monkeypatch, "imagenet", classes=2, train=8, test=4)
    train = {
        f"{wnid}.tar": packed({f.name: f.read_bytes() for f in (published / "train" / wnid).iterdir()})
        for wnid in ("n01", "n02")
    }
    shown = sorted((file.name, file.parent.name, file.read_bytes()) for file in (published / "val").rglob("*.JPEG"))
    meta = io.BytesIO()
    kinds = [("ILSVRC2012_ID", "i4"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "i4")]
    synsets = np.array([(2, "n01", "one", "", 0), (1, "n02", "two", "", 0), (3, "n00", "all", "", 2)], dtype=kinds)
    savemat(meta, {"synsets": synsets[:, None]})
    truth = "".join(f"{({'n01': 2, 'n02': 1})[wnid]}\n" for _, wnid, _ in shown)
    kit = {
        "ILSVRC2012_devkit_t12/data/meta.mat": meta.getvalue(),
        "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt": truth.encode(),
    }
    folder = tmp_path / "data" / "imagenet"
    folder.mkdir(parents=True)
    archives = {
        "train": packed(train),
        "val": packed({name: blob for name, _, blob in shown}),
        "devkit": packed(kit, "w:gz"),
    }
    known = {}
    for key, (file, _) in torchvision.datasets.imagenet.ARCHIVE_META.items():
        (folder / file).write_bytes(archives[key])
        known[key] = file, hashlib.md5(archives[key]).hexdigest()
    monkeypatch.setattr(torchvision.datasets.imagenet, "ARCHIVE_META", known)
    prepare("imagenet", tmp_path / "data")
    prepare("imagenet", tmp_path / "published")
    for split in ("train", "test"):
        ours, theirs = (load("imagenet", tmp_path / root).split(split) for root in ("data", "published"))
        assert ours[0].equal(theirs[0]) and ours[1].equal(theirs[1])
