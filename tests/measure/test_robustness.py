"""Scores under shifts are those of the shifted images, made once, kept whole, and taken up after an interruption."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.measure import corrupted
from sd.measure.corrupted import CorruptedSets
from sd.measure.corruptions import corrupt
from sd.measure.robustness import Score, Shifts, TestSet, robustness
from sd.measure.scratch import Scratch
from sd.measure.subset import fingerprint
from sd.measure.watch import Watch
from sd.plan.shifts import CORRUPTIONS, FAMILIES, SEVERITIES
from sd.train.datasets import Dataset, load
from sd.train.models import build

FEW = Shifts(("gaussian_noise", "contrast"), (1, 5))


@pytest.fixture(scope="module")
def data() -> Dataset:
    torch.set_num_threads(1)
    return load("digits")


@pytest.fixture(scope="module")
def model(data: Dataset) -> nn.Module:
    """Trained for two epochs: a model of which shifts matter."""
    model = build("resnet8", 10, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    images = data.normalise(data.train_images)
    for _ in range(2):
        for x, y in zip(images.split(50), data.train_labels.split(50), strict=True):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return model.eval()


def some(data: Dataset, rows: Tensor | None = None) -> TestSet:
    return TestSet(data.test_images, data.test_labels, torch.arange(0, 200) if rows is None else rows)


def scores(model: nn.Module, data: Dataset, shifts: Shifts = FEW, rows: Tensor | None = None) -> list[Score]:
    return robustness(model, some(data, rows), shifts, mean=data.mean, std=data.std)


def timeless(found: list[Score]) -> list[dict[str, object]]:
    return [asdict(score) | {"seconds": 0} for score in found]


def test_each_score_is_of_the_corrupted_images(model: nn.Module, data: Dataset) -> None:
    """By hand: corrupted all at once, scored in float64."""
    rows = torch.arange(3, 797, 5)
    found = scores(model, data, FEW, rows)
    named = [("none", 0), ("gaussian_noise", 1), ("gaussian_noise", 5), ("contrast", 1), ("contrast", 5)]
    assert [(score.shift, score.severity) for score in found] == named
    for score in found:
        seen = data.test_images[rows]
        if score.severity:
            seen = corrupt(seen, score.shift, score.severity, rows=rows)
        with torch.no_grad():
            logits = model(data.normalise(seen)).double()
        labels = data.test_labels[rows]
        assert score.top1 == pytest.approx(100 * (logits.argmax(1) == labels).double().mean().item())
        assert score.loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
        wrong = logits.softmax(1) - F.one_hot(labels, 10)
        assert score.brier == pytest.approx(wrong.square().sum(1).mean().item(), rel=1e-5)
        assert (score.n_samples, score.subset_sha256) == (len(rows), fingerprint(rows))
    assert found[2].loss > found[1].loss > found[0].loss, "noise that does not matter"
    assert len({score.images_sha256 for score in found}) == 5


def test_a_natural_test_set_is_scored_beside_the_others(model: nn.Module, data: Dataset) -> None:
    other = TestSet(data.train_images, data.train_labels, torch.arange(100, 400))
    found = scores(model, data, Shifts((), natural={"cifar10.1": other}))
    assert [(score.shift, score.severity, score.n_samples) for score in found] == [
        ("none", 0, 200),
        ("cifar10.1", 0, 300),
    ]
    with torch.no_grad():
        said = model(data.normalise(data.train_images[100:400])).argmax(1)
    assert found[1].top1 == pytest.approx(100 * (said == data.train_labels[100:400]).double().mean().item())
    assert found[1].subset_sha256 == fingerprint(torch.arange(100, 400))


def test_a_set_is_made_once_for_all_models(
    model: nn.Module, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shifts = Shifts(("shot_noise", "glass_blur"), (2,), folder=tmp_path)
    first = scores(model, data, shifts)
    assert timeless(first) == timeless(scores(model, data, Shifts(("shot_noise", "glass_blur"), (2,))))
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["glass_blur-2.npy", "shot_noise-2.npy"]
    monkeypatch.setattr(corrupted, "corrupt", None)
    assert timeless(scores(model, data, shifts)) == timeless(first)
    with pytest.raises(TypeError, match="not callable"):  # of other images, or by another seed, there is none yet
        scores(model, data, shifts, torch.arange(1, 201))
    with pytest.raises(TypeError, match="not callable"):
        scores(model, data, Shifts(("shot_noise",), (2,), seed=1, folder=tmp_path))


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, None])
def test_a_damaged_file_is_made_anew(damage: bytes | None, data: Dataset, tmp_path: Path) -> None:
    sets = CorruptedSets(data.test_images, torch.arange(50), device=torch.device("cpu"), folder=tmp_path)
    whole = sets.get("pixelate", 3)
    (path,) = tmp_path.glob("*/pixelate-3.npy")
    good = path.read_bytes()
    path.write_bytes(good[:1000] + bytes([good[1000] ^ 1]) + good[1001:] if damage is None else damage)
    assert torch.equal(sets.get("pixelate", 3), whole) and path.read_bytes() == good


def test_what_would_fill_the_disk_is_not_kept(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrupted, "_ROOM", 75 * 50 * 3 * 32 * 32 - 1)
    CorruptedSets(data.test_images, torch.arange(50), device=torch.device("cpu"), folder=tmp_path).get("contrast", 1)
    assert not list(tmp_path.iterdir())


def test_it_goes_on_after_each_shift(model: nn.Module, data: Dataset, tmp_path: Path) -> None:
    class Ended(Exception):
        pass

    def ends(doing: str, done: int, total: int) -> None:
        if doing == "shifts" and done == 3:
            raise Ended

    def measured(watch: Watch, folder: Path | None) -> list[Score]:
        scratch = Scratch(folder, "one and the same")
        return robustness(model, some(data), FEW, mean=data.mean, std=data.std, scratch=scratch, watch=watch)

    with pytest.raises(Ended):
        measured(Watch(advance=ends), tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    begun: list[str] = []
    resumed = measured(Watch(advance=lambda doing, done, total: begun.append(doing)), tmp_path)
    assert timeless(resumed) == timeless(measured(Watch(), None))
    assert {doing for doing in begun if doing != "shifts"} == {"contrast 1", "contrast 5"}


def test_every_corruption_is_of_one_family_and_measured_by_default(model: nn.Module, data: Dataset) -> None:
    assert sorted(name for names in FAMILIES.values() for name in names) == sorted(CORRUPTIONS)
    found = robustness(model, some(data, torch.arange(4)), mean=data.mean, std=data.std)
    assert [(it.shift, it.severity) for it in found[1:]] == [(name, at) for name in CORRUPTIONS for at in SEVERITIES]
