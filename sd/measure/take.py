"""The measures of a plan, taken of a model: settings in, rows of the database out."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sd.measure.curvature import curvature, fingerprint_of, top_eigenvectors
from sd.measure.fidelity import fidelity
from sd.measure.landscape import Direction, Surface, as_direction, direction_to, landscape, random_directions
from sd.measure.robustness import Shifts, TestSet, robustness
from sd.measure.scratch import Scratch
from sd.measure.watch import Watch
from sd.plan.measure import Curvature, Fidelity, Landscape, Measure, Robustness
from sd.train.normalisation import Channels

Rows = dict[str, list[dict[str, Any]]]
"""Rows by table name, without the columns that say which cell, measure, checkpoint and split they are of."""


@dataclass(frozen=True)
class Subject:
    """What a measure is taken of: a model on the device, images and labels, and, for a student, its teacher.

    Attributes:
        images: on the device and normalised; or, with ``mean`` and ``std``, as they are stored, also in the host's
            memory (``Measure.as_stored``).
        rows: int64, on the CPU: which of the images it is taken of; all of them by default.
        tau: temperature at which the teacher taught.
        shifts: under what its robustness is measured.
    """

    model: nn.Module
    images: Tensor
    labels: Tensor
    teacher: nn.Module | None = None
    rows: Tensor | None = None
    mean: Channels | None = None
    std: Channels | None = None
    tau: float = 1.0
    shifts: Shifts | None = None

    def fingerprint(self, measure: Measure, code: str) -> str:
        """SHA-256 of all that the measure depends on: settings, weights, images, labels, versions of code and torch.

        Of images as they are stored, which may be all of ImageNet, a few speak for the others.
        """
        others: list[object] = [] if self.teacher is None else [fingerprint_of(self.teacher)]
        images = self.images
        if self.rows is not None:
            others += [self.rows, self.mean, self.std, self.tau, len(images)]
            images = images[self.rows[:: math.ceil(len(self.rows) / _LOOKED_AT)].to(images.device)]
        settings = measure.model_dump_json()
        return fingerprint_of(self.model, images, self.labels, settings, code, torch.__version__, *others)


_LOOKED_AT = 64
"""Images whose pixels tell a data set from another one of the same size."""


def take(measure: Measure, subject: Subject, scratch: Scratch, watch: Watch) -> Rows:
    """The measure of one model on one split.

    Args:
        scratch: where partial results are kept, and taken up.

    Raises:
        NotOneFunction, ValueError: the model cannot be measured (``sd.measure.curvature``).
    """
    if isinstance(measure, Curvature):
        return _curvature(measure, subject, scratch, watch)
    if isinstance(measure, Fidelity):
        return _fidelity(subject, scratch, watch)
    if isinstance(measure, Robustness):
        return _robustness(subject, scratch, watch)
    rows: Rows = {"landscapes": [], "landscape_points": []}
    for seed in measure.seeds:
        known = scratch.kept(f"surface-{seed}")
        one: Rows = known["rows"] if known else _landscape(measure, seed, subject, scratch, watch)
        scratch.keep(f"surface-{seed}", {"rows": one})
        for table, found in one.items():
            rows[table] += found
    return rows


def _curvature(measure: Curvature, subject: Subject, scratch: Scratch, watch: Watch) -> Rows:
    found = asdict(
        curvature(
            subject.model,
            subject.images,
            subject.labels,
            probes=measure.probes,
            steps=measure.steps,
            top=measure.top,
            runs=measure.runs,
            trace_error=measure.trace_error,
            rho=measure.rho,
            backend=measure.backend,
            scratch=scratch,
            watch=watch,
        )
    )
    pairs = zip(found.pop("eigenvalues"), found.pop("residuals"), strict=True)
    quadrature = zip(found.pop("nodes"), found.pop("weights"), strict=True)
    found["mean_loss"] = found.pop("loss")
    return {
        "curvature": [found | {"loss": "ce"}],
        "eigenvalues": [
            {"rank": rank, "eigenvalue": value, "residual": residual} for rank, (value, residual) in enumerate(pairs, 1)
        ],
        "spectra": [
            {"place": place, "node": node, "weight": weight} for place, (node, weight) in enumerate(quadrature, 1)
        ],
    }


def _fidelity(subject: Subject, scratch: Scratch, watch: Watch) -> Rows:
    assert subject.teacher is not None
    found = fidelity(
        subject.model,
        subject.teacher,
        subject.images,
        subject.labels,
        tau=subject.tau,
        mean=subject.mean,
        std=subject.std,
        rows=subject.rows,
        scratch=scratch,
        watch=watch,
    )
    return {"fidelity": [asdict(found)]}


def _robustness(subject: Subject, scratch: Scratch, watch: Watch) -> Rows:
    assert subject.mean is not None and subject.std is not None
    scores = robustness(
        subject.model,
        TestSet(subject.images, subject.labels, subject.rows),
        subject.shifts,
        mean=subject.mean,
        std=subject.std,
        scratch=scratch,
        watch=watch,
    )
    return {"robustness": [asdict(score) for score in scores]}


def _landscape(measure: Landscape, seed: int, subject: Subject, scratch: Scratch, watch: Watch) -> Rows:
    beyond = measure.span / 8
    surface = landscape(
        subject.model,
        subject.images,
        subject.labels,
        span=measure.span,
        points=measure.points,
        directions=_directions(measure, seed, subject, watch),
        line=measure.directions == "teacher",
        ends=(-beyond, 1 + beyond) if measure.directions == "teacher" else None,
        statistics=measure.statistics,
        scratch=scratch,
        name=f"rows-{seed}",
        watch=watch,
    )
    head = {
        "seed": seed,
        "n_samples": surface.n_samples,
        "directions": measure.directions,
        "normalise": measure.normalise if measure.directions == "random" else None,
        "statistics": measure.statistics,
        "norm_x": surface.norms[0],
        "norm_y": surface.norms[1] if len(surface.norms) > 1 else None,
        "seconds": surface.seconds,
    }
    return {"landscapes": [head], "landscape_points": [{"seed": seed, **point} for point in _points(surface)]}


def _directions(measure: Landscape, seed: int, subject: Subject, watch: Watch) -> list[Direction]:
    if measure.directions == "random":
        return random_directions(subject.model, seed=seed, normalise=measure.normalise)
    if measure.directions == "eigenvectors":
        _, vectors = top_eigenvectors(subject.model, subject.images, subject.labels, count=2, watch=watch)
        return [as_direction(subject.model, vector) for vector in vectors]
    assert subject.teacher is not None
    return [direction_to(subject.model, subject.teacher)]


def _points(surface: Surface) -> list[dict[str, float]]:
    return [
        {"x": x, "y": y, "loss": loss, "top1": top1}
        for y, losses, accuracies in zip(surface.ys, surface.losses, surface.top1, strict=True)
        for x, loss, top1 in zip(surface.xs, losses, accuracies, strict=True)
    ]
