"""A student beside its teacher: against plain float64 numpy, and against torchmetrics."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy
from torchmetrics.functional import kl_divergence, mean_squared_error

from sd.measure.fidelity import Fidelity, fidelity
from sd.measure.scratch import Scratch
from sd.measure.watch import Watch
from sd.train.datasets import Dataset, load
from sd.train.models import build

TAU = 4.0


class Kept(nn.Module):
    """Answers that were made up beforehand: an image is the number of its answer."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.register_buffer("logits", logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.get_buffer("logits")[x.flatten(1)[:, 0].long()]


def made_up(n: int = 1234, classes: int = 17) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images, labels, and the float32 logits of a student and of a teacher that is somewhat like it."""
    draw = torch.Generator().manual_seed(5)
    teacher = 6 * torch.randn(n, classes, generator=draw)
    student = teacher + 3 * torch.randn(n, classes, generator=draw) + 2
    labels = torch.randint(classes, (n,), generator=draw)
    return torch.arange(n, dtype=torch.float32)[:, None, None, None], labels, student, teacher


def transcription(student: np.ndarray, teacher: np.ndarray, tau: float) -> float:
    """KL(σ(z_t/τ) ‖ σ(z_s/τ)) as its definition has it."""
    p, q = (np.exp(z / tau) / np.exp(z / tau).sum(1, keepdims=True) for z in (teacher, student))
    return float((p * np.log(p / q)).sum(1).mean())


def test_it_is_the_definition_in_float64() -> None:
    images, labels, student, teacher = made_up()
    found = fidelity(Kept(student), Kept(teacher), images, labels, tau=TAU, batch_size=100)
    zs, zt = student.double().numpy(), teacher.double().numpy()
    centred = (zs - zs.mean(1, keepdims=True)) - (zt - zt.mean(1, keepdims=True))
    assert found.mse == pytest.approx(((zs - zt) ** 2).mean(), rel=1e-12)
    assert found.mse_centred == pytest.approx((centred**2).mean(), rel=1e-12)
    assert found.mse_centred < found.mse
    assert found.kl == pytest.approx(transcription(zs, zt, 1.0), rel=1e-9)
    assert found.kl_tau == pytest.approx(transcription(zs, zt, TAU), rel=1e-9)
    assert found.agreement == pytest.approx(100 * (zs.argmax(1) == zt.argmax(1)).mean(), rel=1e-12)
    assert found.student_top1 == pytest.approx(100 * (zs.argmax(1) == labels.numpy()).mean(), rel=1e-12)
    assert found.teacher_top1 == pytest.approx(100 * (zt.argmax(1) == labels.numpy()).mean(), rel=1e-12)
    assert found.n_samples == len(labels)


def test_it_is_what_torchmetrics_finds() -> None:
    images, labels, student, teacher = made_up()
    found = fidelity(Kept(student), Kept(teacher), images, labels, tau=TAU)
    zs, zt = student.double(), teacher.double()
    classes = zs.shape[1]
    same = MulticlassAccuracy(classes, average="micro")(zs, zt.argmax(1))
    assert found.mse == pytest.approx(float(mean_squared_error(zs.flatten(), zt.flatten())), rel=1e-9)
    assert found.agreement == pytest.approx(100 * float(same), rel=1e-6)
    for tau, value in ((1.0, found.kl), (TAU, found.kl_tau)):
        log_p, log_q = ((z / tau).log_softmax(1) for z in (zt, zs))
        assert value == pytest.approx(float(kl_divergence(log_p, log_q, log_prob=True)), rel=1e-9)


def test_a_model_is_its_own_perfect_student() -> None:
    images, labels, student, _ = made_up()
    found = fidelity(Kept(student), Kept(student), images, labels, tau=TAU)
    assert (found.mse, found.mse_centred, found.kl, found.kl_tau, found.agreement) == (0, 0, 0, 0, 100)


def test_a_shift_of_all_of_an_images_logits_is_seen_by_the_raw_distance_alone() -> None:
    images, labels, student, _ = made_up()
    found = fidelity(Kept(student), Kept(student + 3), images, labels, tau=TAU)
    assert found.mse == pytest.approx(9, rel=1e-6)
    assert found.mse_centred < 1e-12 and abs(found.kl) < 1e-12 and found.agreement == 100


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load("digits")


def test_images_as_they_are_stored_are_those_that_the_models_take(data: Dataset) -> None:
    torch.set_num_threads(1)
    student, teacher = (build("resnet8", 10, seed=seed).train() for seed in (0, 1))
    images, labels = data.split("test")
    rows = torch.arange(0, len(labels), 3)
    stored = fidelity(student, teacher, images, labels, tau=TAU, mean=data.mean, std=data.std, rows=rows)
    ready = fidelity(student, teacher, data.normalise(images[rows]), labels[rows], tau=TAU)
    assert replace(stored, seconds=0) == replace(ready, seconds=0)
    assert student.training and teacher.training


class _HalfwayError(Exception):
    pass


def test_interrupted_and_gone_on_with_it_is_the_same_to_the_last_bit(data: Dataset, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    models = build("resnet8", 10, seed=0), build("resnet8", 10, seed=1)
    images, labels = data.normalise(data.train_images[:500]), data.train_labels[:500]

    def measure(folder: Path, stop_at: int = -1) -> tuple[Fidelity, list[int]]:
        seen: list[int] = []

        def advance(doing: str, done: int, total: int) -> None:
            seen.append(done)
            if done == stop_at:
                raise _HalfwayError

        scratch, watch = Scratch(folder, "one"), Watch(advance=advance)
        found = fidelity(*models, images, labels, tau=TAU, batch_size=64, scratch=scratch, watch=watch)
        return replace(found, seconds=0), seen

    whole, every = measure(tmp_path / "whole")
    with pytest.raises(_HalfwayError):
        measure(tmp_path / "stopped", 256)
    again, rest = measure(tmp_path / "stopped")
    assert again == whole
    assert rest == [done for done in every if done >= 256]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"tau": 0.0}, "temperature is 0.0"),
        ({"labels": torch.zeros(3, dtype=torch.long)}, "1234 images and 3 labels"),
        ({"teacher": Kept(torch.zeros(1234, 3))}, "same classes"),
        ({"teacher": Kept(torch.full((1234, 17), torch.nan))}, "not finite"),
    ],
)
def test_what_cannot_be_compared_is_one_line(change: dict[str, object], line: str) -> None:
    images, labels, student, teacher = made_up()
    given = {"student": Kept(student), "teacher": Kept(teacher), "images": images, "labels": labels, "tau": TAU}
    with pytest.raises(ValueError, match=line):
        fidelity(**(given | change))  # type: ignore[arg-type]
