"""Fidelity: how far a student's answers are from those of its teacher (paper, Figure 6; spec H27)."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.measure.scratch import Scratch
from sd.measure.watch import Watch, bar
from sd.train.datasets.stream import stream
from sd.train.normalisation import normalise


@dataclass(frozen=True)
class Fidelity:
    """How far the logits z_s of a student are from the logits z_t of its teacher, on the same images.

    Attributes:
        mse: mean over images and classes of (z_s − z_t)².
        mse_centred: the same after each image's mean logit has been taken off both, which no softmax sees.
        agreement: share of the images, in percent, of which both say the same class.
        kl: KL(σ(z_t) ‖ σ(z_s)), the mean over the images, in nats.
        kl_tau: KL(σ(z_t/τ) ‖ σ(z_s/τ)), without the factor τ².
        student_top1, teacher_top1: accuracy of each on these images, in percent.
        n_samples: number of images.
        seconds: wall time, that of interrupted attempts included.
    """

    mse: float
    mse_centred: float
    agreement: float
    kl: float
    kl_tau: float
    student_top1: float
    teacher_top1: float
    n_samples: int
    seconds: float


def fidelity(
    student: nn.Module,
    teacher: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    tau: float,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    rows: Tensor | None = None,
    batch_size: int = 1000,
    scratch: Scratch | None = None,
    watch: Watch | None = None,
) -> Fidelity:
    """Both models on the same images without augmentation, in eval mode and float32; their modes are restored.

    Batch by batch on the models' device, with sums in float64 that are read at the end.

    Args:
        images: (n, c, h, w), uint8 or floating point in [0, 1], with ``mean`` and ``std`` by channel; or floating
            point as the models take them, with neither. On the models' device, or on the host and moved batch by batch.
        labels: int64 (n,).
        tau: temperature of ``kl_tau``.
        rows: int64 indices, on the CPU, of the images to look at; all of them by default.
        scratch: where the sums are kept, and taken up by a measure that was interrupted.

    Raises:
        ValueError: no images, another number of labels, models of different numbers of classes, a temperature that is
            not above 0, or logits that are not finite.
    """
    rows = torch.arange(len(labels)) if rows is None else rows
    if len(images) != len(labels) or not len(rows):
        raise ValueError(f"{len(images)} images and {len(labels)} labels; give one label an image, and at least one")
    if not tau > 0:
        raise ValueError(f"the temperature is {tau}; give one above 0")
    scratch = scratch or Scratch(None)
    device = next((tensor.device for tensor in student.parameters()), images.device)
    chosen = rows.split(batch_size)
    with ExitStack() as stack:
        watch = watch or stack.enter_context(bar())
        stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.autocast(device.type, enabled=False))
        stack.enter_context(_in_eval_mode(student, teacher))
        known = scratch.kept("sums") or {"batches": 0, "sums": [0.0] * _SUMS, "values": 0}
        done, values = int(known["batches"]), int(known["values"])
        sums = torch.tensor(known["sums"], dtype=torch.float64, device=device)

        def keep() -> None:
            scratch.keep("sums", {"batches": done, "sums": sums.tolist(), "values": values})

        try:
            for batch, places in zip(stream(images, chosen[done:], device), chosen[done:], strict=True):
                watch.advance("images", done * batch_size, len(rows))
                x = batch if mean is None or std is None else normalise(batch, mean, std)
                both = student(x).double(), teacher(x).double()
                if both[0].shape != both[1].shape:
                    shapes = " and ".join(str(tuple(logits.shape)) for logits in both)
                    raise ValueError(f"student and teacher answer with {shapes}; give two of the same classes")
                sums = sums + _sums(*both, labels[places.to(labels.device)].to(device), tau)
                done, values = done + 1, values + both[0].numel()
                if scratch.is_due():
                    keep()
        except BaseException:
            with contextlib.suppress(OSError):  # what stopped it should be seen, not a disk that is full besides
                keep()
            raise
    found = sums.tolist()
    if not all(map(math.isfinite, found)):
        raise ValueError("the logits of student or teacher are not finite; there is no distance between them")
    squared, centred, same, kl, kl_tau, right, teacher_right = found
    n = len(rows)
    return Fidelity(
        mse=squared / values,
        mse_centred=centred / values,
        agreement=100 * (same / n),
        kl=kl / n,
        kl_tau=kl_tau / n,
        student_top1=100 * (right / n),  # as sd.train.evaluation has it, to the last bit
        teacher_top1=100 * (teacher_right / n),
        n_samples=n,
        seconds=scratch.seconds,
    )


_SUMS = 7
"""How many sums there are of a batch."""


def _sums(student: Tensor, teacher: Tensor, labels: Tensor, tau: float) -> Tensor:
    """Of a batch: squared differences, raw and centred; agreements; KL at 1 and at τ; number right of each."""
    apart = student - teacher
    said = student.argmax(1), teacher.argmax(1)
    return torch.stack(
        [
            apart.square().sum(),
            (apart - apart.mean(1, keepdim=True)).square().sum(),
            (said[0] == said[1]).double().sum(),
            _kl(teacher, student),
            _kl(teacher / tau, student / tau),
            (said[0] == labels).double().sum(),
            (said[1] == labels).double().sum(),
        ]
    )


def _kl(teacher: Tensor, student: Tensor) -> Tensor:
    """KL(σ(z_t) ‖ σ(z_s)) in nats, summed over the images."""
    return F.kl_div(F.log_softmax(student, 1), F.log_softmax(teacher, 1), reduction="sum", log_target=True)


@contextlib.contextmanager
def _in_eval_mode(*models: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for model in models for module in model.modules()]
    for model in models:
        model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
