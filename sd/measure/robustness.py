"""Robustness: what a model scores under a shift of the data (paper, Section 7; Hendrycks & Dietterich 2019).

A shift is a corruption of the test images, or a test set that was collected anew for the same classes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor, nn

from sd.measure.corrupted import CorruptedSets
from sd.measure.scratch import Scratch
from sd.measure.subset import fingerprint
from sd.measure.watch import Watch, bar
from sd.plan.shifts import CORRUPTIONS, NO_SHIFT, SEVERITIES, Corruption
from sd.train.evaluation import evaluate


@dataclass(frozen=True)
class TestSet:
    """Labelled images as they are stored, uint8 (n, 3, side, side), and which of them count (``rows``: all)."""

    images: Tensor
    labels: Tensor
    rows: Tensor | None = None

    __test__ = False  # pytest would take it for a test by its name

    @property
    def chosen(self) -> Tensor:
        """int64, on the CPU: the rows that count."""
        return torch.arange(len(self.labels)) if self.rows is None else self.rows


@dataclass(frozen=True)
class Shifts:
    """Under what a model is scored.

    Attributes:
        corruptions: of the images of the test set itself, each at each of the severities.
        natural: test sets of other origin, by name.
        seed: of what the corruptions draw at random.
        folder: where corrupted sets are kept (``sd.measure.corrupted``); by default nowhere.
    """

    corruptions: tuple[Corruption, ...] = CORRUPTIONS
    severities: tuple[int, ...] = SEVERITIES
    natural: Mapping[str, TestSet] = field(default_factory=dict)
    seed: int = 0
    folder: Path | None = None


@dataclass(frozen=True)
class Score:
    """What a model scores on one set.

    Attributes:
        shift: a corruption, a natural test set, or ``none``: the images as they are, beside which the others stand.
        severity: 1 to 5; 0 of what is no corruption.
        top1: accuracy in percent.
        loss, ece, brier: see ``sd.train.evaluation.Evaluation``.
        n_samples: number of images.
        subset_sha256: of the indices of the images in their test set, as little-endian int64.
        images_sha256: of the pixels that the model was shown, uint8: two scores of one hash are of the same images.
        seconds: wall time, that of making the set included.
    """

    shift: str
    severity: int
    top1: float
    loss: float
    ece: float
    brier: float
    n_samples: int
    subset_sha256: str
    images_sha256: str
    seconds: float


def robustness(
    model: nn.Module,
    test: TestSet,
    shifts: Shifts | None = None,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    batch_size: int = 1000,
    scratch: Scratch | None = None,
    watch: Watch | None = None,
) -> list[Score]:
    """Score a model on a test set as it is, and under each shift; in eval mode and float32, without augmentation.

    The same model, images and seed give the same scores on one machine; corruptions are those of
    ``sd.measure.corruptions``, computed on the model's device a batch at a time.

    Args:
        shifts: by default every corruption at every severity.
        mean, std: by channel, of images scaled to [0, 1], as the model was trained with.
        scratch: where the scores are kept, and taken up by a measure that was interrupted.

    Returns:
        The score without a shift; of each corruption, severity by severity; of each natural test set.
    """
    shifts = shifts or Shifts()
    scratch = scratch or Scratch(None)
    device = next((tensor.device for tensor in model.parameters()), test.images.device)
    scores = []
    with ExitStack() as stack:
        watch = watch or stack.enter_context(bar())
        stack.enter_context(torch.autocast(device.type, enabled=False))
        sets = _sets(test, shifts, device, watch)
        for done, one in enumerate(sets):
            watch.advance("shifts", done, len(sets))
            known = scratch.kept(f"{one.shift}-{one.severity}")
            score = Score(**known) if known else _score(model, one, mean, std, batch_size)
            if not known:
                scratch.keep(f"{one.shift}-{one.severity}", asdict(score))
            scores.append(score)
    return scores


@dataclass(frozen=True)
class _Set:
    """A set that is made when it is its turn; ``rows`` are its images' places in their test set."""

    shift: str
    severity: int
    rows: Tensor
    make: Callable[[], TestSet]


def _sets(test: TestSet, shifts: Shifts, device: torch.device, watch: Watch) -> list[_Set]:
    corrupted = CorruptedSets(test.images, test.chosen, device=device, seed=shifts.seed, folder=shifts.folder)
    labels = test.labels[test.chosen.to(test.labels.device)]

    def make(name: Corruption, severity: int) -> TestSet:
        def between(done: int) -> None:
            watch.advance(f"{name} {severity}", done, len(labels))

        return TestSet(corrupted.get(name, severity, between).to(device), labels)

    return [
        _Set(NO_SHIFT, 0, test.chosen, partial(_itself, test)),
        *(_Set(it, at, test.chosen, partial(make, it, at)) for it in shifts.corruptions for at in shifts.severities),
        *(_Set(name, 0, it.chosen, partial(_itself, it)) for name, it in shifts.natural.items()),
    ]


def _itself(test: TestSet) -> TestSet:
    return test


def _score(model: nn.Module, one: _Set, mean: Sequence[float], std: Sequence[float], batch_size: int) -> Score:
    started = time.monotonic()
    it = one.make()
    found = evaluate(model, it.images, it.labels, mean=mean, std=std, batch_size=batch_size, rows=it.chosen)
    return Score(
        shift=one.shift,
        severity=one.severity,
        top1=found.top1,
        loss=found.loss,
        ece=found.ece,
        brier=found.brier,
        n_samples=found.n,
        subset_sha256=fingerprint(one.rows),
        images_sha256=_hash(it, batch_size),
        seconds=time.monotonic() - started,
    )


def _hash(it: TestSet, batch_size: int) -> str:
    """SHA-256 of the pixels of the images that count, in their order."""
    total = sha256()
    for rows in it.chosen.split(batch_size):
        total.update(it.images[rows.to(it.images.device)].cpu().contiguous().numpy().data)
    return total.hexdigest()
