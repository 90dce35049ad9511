"""A conversion that is killed goes on from its last durable position, to the same bytes as one that was left alone."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from published import content, data_command, of_size, run_prepare, write_imagenet

from sd.train.datasets import conversion, pictures, prepare
from sd.train.datasets.prepared import prepared_folder

# A position every two images, and time between them for a kill to come.
SLOWLY = (
    "import time; from sd.train.datasets import conversion; "
    "conversion.CHUNK, conversion.COMMIT_SECONDS = 2, 0.0; write = conversion.write_durably; "
    "conversion.write_durably = lambda *given: (time.sleep(0.15), write(*given))"
)


@pytest.fixture
def originals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_imagenet(tmp_path, train=40, val=20)
    of_size(monkeypatch, "imagenet", classes=2, train=40, test=20)
    return tmp_path


@pytest.fixture
def undisturbed(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a conversion writes that nobody kills, elsewhere, of the same files."""
    root = tmp_path_factory.mktemp("undisturbed")
    (root / "imagenet").symlink_to(originals / "imagenet")
    prepare("imagenet", root)
    return content(prepared_folder("imagenet", root))


def durable(root: Path) -> int:
    """How many images the position tells of; −1 where there is none."""
    try:
        return sum(json.loads((root / "prepared/imagenet.partial/position.json").read_text())["rows"].values())
    except (OSError, ValueError):
        return -1


def killed_beyond(root: Path, images: int, wait: float) -> None:
    """A real ``prepare``, killed ``wait`` seconds after its position has passed so many images."""
    process = subprocess.Popen(data_command("imagenet", root, before=SLOWLY), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while durable(root) < images and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was to be killed while it was at work"


@pytest.mark.slow
def test_killed_again_and_again_the_bytes_are_the_same(originals: Path, undisturbed: dict[str, bytes]) -> None:
    """In the training split, then in the test split; what is behind the durable position may be anything."""
    draws = random.Random(0)
    begun = []
    for images in (5, 20, 44):
        killed_beyond(originals, images, draws.uniform(0, 0.03))
        assert not prepared_folder("imagenet", originals).exists()
        begun.append(durable(originals))
        split = "train" if begun[-1] < 40 else "test"
        with (originals / f"prepared/imagenet.partial/{split}_images.npy").open("ab") as file:
            file.write(os.urandom(draws.randrange(1, 400_000)))
        (originals / "prepared/imagenet.partial/.position.json.abc.part").write_bytes(b"half of a posi")
    assert begun == sorted(set(begun)), "each went on where the one before was"
    done = run_prepare("imagenet", originals)
    assert done.returncode == 0, done.stderr
    assert content(prepared_folder("imagenet", originals)) == undisturbed
    assert [path.name for path in (originals / "prepared").iterdir() if path.name.endswith("partial")] == []


class Killed(BaseException):
    pass


def stopping_at(number: int, write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
    """``write``, which after so many calls is the last thing that happens."""
    left = iter(range(number - 1, -1, -1))

    def stop(path: Path, blob: bytes) -> None:
        write(path, blob)
        if next(left) == 0:
            raise Killed

    return stop


def test_after_whichever_durable_write_it_stops(
    originals: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions, labels and about.json; what follows takes up no image a second time."""
    monkeypatch.setattr(conversion, "CHUNK", 8)
    monkeypatch.setattr(conversion, "COMMIT_SECONDS", 0.0)
    left, again = [], []
    decode, decoded = pictures.decoded, Counter[str]()
    monkeypatch.setattr(pictures, "decoded", lambda path, shape: (decoded.update([path]), decode(path, shape))[1])
    for number in range(1, 13):
        shutil.rmtree(originals / "prepared", ignore_errors=True)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(conversion, "write_durably", stopping_at(number, conversion.write_durably))
            prepare("imagenet", originals)
        left.append(60 - durable(originals))
        decoded.clear()
        prepare("imagenet", originals)
        again.append(decoded.total())
        assert content(prepared_folder("imagenet", originals)) == undisturbed
    assert left == again == [60, 52, 44, 36, 28, 20, 20, 12, 4, 0, 0, 0]


def test_other_originals_are_not_mixed_with_what_was_converted(
    originals: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the images converted, then one that is converted already is replaced: it begins again."""
    monkeypatch.setattr(conversion, "CHUNK", 8)
    monkeypatch.setattr(conversion, "COMMIT_SECONDS", 0.0)

    def stop_at_half(what: str, done: int, total: int) -> None:
        if 2 * done > total:
            raise Killed

    with pytest.raises(Killed):
        prepare("imagenet", originals, progress=stop_at_half)
    assert durable(originals) >= 16
    first, other = originals / "imagenet/train/n01/000.JPEG", originals / "imagenet/train/n01/002.JPEG"
    first.write_bytes(other.read_bytes())
    prepare("imagenet", originals)
    header, size = 128, 3 * 224 * 224
    pixels = (prepared_folder("imagenet", originals) / "train_images.npy").read_bytes()[header:]
    assert pixels[:size] == pixels[size : 2 * size] != undisturbed["train_images.npy"][header : header + size]
