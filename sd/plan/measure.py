"""A measure: something computed from a trained model, with the settings that change what it finds."""

import hashlib
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sd.plan.catalogue import nearest
from sd.plan.cell import Cell, Checkpoint
from sd.plan.number import no_switch
from sd.plan.shifts import CORRUPTIONS, NATURAL, SEVERITIES, Corruption, Natural, Severity, Shift

Split = Literal["train", "test"]

_Whole = Annotated[int, BeforeValidator(no_switch)]
_Real = Annotated[float, BeforeValidator(no_switch)]


def _known_shift(value: Any) -> Any:
    if value not in (*CORRUPTIONS, *NATURAL):
        hint = nearest(value, ("corruptions", *NATURAL, *CORRUPTIONS))
        raise PydanticCustomError("unknown", "is not a known shift; {hint}", {"hint": hint})
    return value


class _Settings(BaseModel):
    """What every measure is taken on: ``samples`` images of each of ``splits``, a fixed class-balanced subset without
    augmentation (the whole split where it is smaller, or ``samples`` is null), at each of ``checkpoints`` (spec H3)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: Annotated[_Whole, Field(gt=0)] | None
    checkpoints: tuple[Checkpoint, ...] = ("best_test", "last")
    splits: tuple[Split, ...] = ("train", "test")

    name: ClassVar[str]
    of_assembled: ClassVar[bool] = True
    """Whether it is taken of ensembles and zero-shot classifiers without being asked for."""

    @field_validator("checkpoints", "splits")
    @classmethod
    def _given(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return _each_once(values, "name")

    @property
    def key(self) -> str:
        """8 hexadecimal digits: the identity of this measure with these settings."""
        return hashlib.sha256(f"{self.name} {self.model_dump_json()}".encode()).hexdigest()[:8]

    @property
    def needs_teacher(self) -> bool:
        """Whether the cell's teacher is looked at besides the cell: then the measure is of students alone."""
        return False

    @property
    def as_stored(self) -> bool:
        """Whether it takes images as they are stored, a batch at a time: of whole splits, which may be large."""
        return False

    def images_of(self, size: int) -> int:
        """How many images it takes of a split of ``size``."""
        return size if self.samples is None else min(self.samples, size)

    def test_sets(self, cell: Cell) -> tuple[str, ...]:
        """Data sets that it needs besides the cell's own."""
        return ()

    def concerns(self, cell: Cell) -> bool:
        """Whether the measure can be taken of this cell."""
        return cell.teacher is not None or not self.needs_teacher


class Curvature(_Settings):
    """Settings of the curvature measure: the cross-entropy's Hessian (spec H3–H7).

    See ``sd.measure.curvature.curvature`` for ``probes``, ``steps``, ``top``, ``runs``, ``trace_error``, ``rho`` and
    ``backend``.
    """

    samples: Annotated[_Whole, Field(gt=0)] = 5_000
    probes: Annotated[_Whole, Field(gt=1)] = 100
    steps: Annotated[_Whole, Field(gt=0)] = 60
    top: Annotated[_Whole, Field(gt=0)] = 1
    runs: Annotated[_Whole, Field(gt=0)] = 1
    trace_error: Annotated[_Real, Field(ge=0, lt=1)] = 0.01
    rho: Annotated[_Real, Field(gt=0, allow_inf_nan=False)] = 0.05
    backend: Literal["lanczos", "pyhessian"] = "lanczos"

    name: ClassVar[str] = "curvature"
    of_assembled: ClassVar[bool] = False

    @model_validator(mode="after")
    def _steps_for_all(self) -> Self:
        if self.top > self.steps:
            hint = {"top": self.top, "steps": self.steps, "more": 3 * self.top}
            problem = "steps {steps} cannot find the top {top} eigenvalues, each takes one at least; give steps: {more}"
            raise PydanticCustomError("needs", problem, hint)
        return self


class Landscape(_Settings):
    """Settings of the loss surfaces (spec H20): see ``sd.measure.landscape.landscape``.

    ``directions``: ``random``, a plane of filter-normalised random directions for each of ``seeds``; ``eigenvectors``,
    the plane of the Hessian's top two; ``teacher``, the line from the model (x = 0) to its teacher (x = 1), an eighth
    of ``span`` further on both sides, for students alone.

    ``statistics``, of batch norms at each point: ``kept`` by default, but on the line to the teacher ``recomputed``,
    because its end is not the teacher with a student's statistics.
    """

    samples: Annotated[_Whole, Field(gt=0)] = 5_000
    checkpoints: tuple[Checkpoint, ...] = ("best_test",)
    splits: tuple[Split, ...] = ("train",)
    span: Annotated[_Real, Field(gt=0, allow_inf_nan=False)] = 1.0
    points: Annotated[_Whole, Field(gt=1, le=1001)] = 51
    directions: Literal["random", "eigenvectors", "teacher"] = "random"
    seeds: tuple[Annotated[_Whole, Field(ge=0, lt=2**31)], ...] = (0,)
    normalise: Literal["filter", "none"] = "filter"
    statistics: Literal["kept", "recomputed"] = "kept"

    name: ClassVar[str] = "landscape"
    of_assembled: ClassVar[bool] = False

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        return _each_once(values, "seed")

    @model_validator(mode="before")
    @classmethod
    def _statistics_on_a_line(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("directions") == "teacher":
            return {"statistics": "recomputed"} | given
        return given

    @model_validator(mode="after")
    def _one_plane(self) -> Self:
        if self.directions != "random" and len(self.seeds) > 1:
            raise PydanticCustomError("needs", "seeds are of random directions; of others there is one plane or line")
        return self

    @property
    def evaluations(self) -> int:
        """Points at which the loss is taken, for each checkpoint and split."""
        return len(self.seeds) * self.points ** (1 if self.needs_teacher else 2)

    @property
    def needs_teacher(self) -> bool:
        return self.directions == "teacher"


class Fidelity(_Settings):
    """Settings of the distance between a student's answers and its teacher's (spec H27), of whole splits by default.

    See ``sd.measure.fidelity.fidelity``.
    """

    samples: Annotated[_Whole, Field(gt=0)] | None = None

    name: ClassVar[str] = "fidelity"

    @property
    def needs_teacher(self) -> bool:
        return True

    @property
    def as_stored(self) -> bool:
        return True


class Robustness(_Settings):
    """Settings of the scores under shifts of the test set: see ``sd.measure.robustness.robustness``.

    ``shifts``: names of corruptions and of natural test sets, ``corruptions`` for all of the former. Left out, those
    that a cell's data set is known for and that need the least: of ImageNet ImageNetV2, of others all corruptions,
    which are made of the images that are there. A natural test set is for cells of its own data set; ``severities`` and
    ``seed`` are of corruptions.
    """

    samples: Annotated[_Whole, Field(gt=0)] | None = None
    checkpoints: tuple[Checkpoint, ...] = ("best_test",)
    splits: tuple[Split, ...] = ("test",)
    shifts: tuple[Annotated[Shift, BeforeValidator(_known_shift)], ...] | None = None
    severities: tuple[Annotated[Severity, BeforeValidator(no_switch)], ...] = SEVERITIES
    seed: Annotated[_Whole, Field(ge=0, lt=2**31)] = 0

    name: ClassVar[str] = "robustness"

    @field_validator("splits")
    @classmethod
    def _test_alone(cls, values: tuple[Split, ...]) -> tuple[Split, ...]:
        if values != ("test",):
            raise PydanticCustomError("needs", "shifts are of the test split alone; give [test], or leave it out")
        return values

    @field_validator("shifts", mode="before")
    @classmethod
    def _all_corruptions(cls, given: Any) -> Any:
        if not isinstance(given, list) or "corruptions" not in given:
            return given
        return [name for it in given for name in (CORRUPTIONS if it == "corruptions" else (it,))]

    @field_validator("shifts", "severities")
    @classmethod
    def _in_order(cls, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """In the order in which they are measured, so that the key does not depend on the one in which they stand."""
        order = (*CORRUPTIONS, *NATURAL, *SEVERITIES)
        return None if values is None else tuple(sorted(_each_once(values, "name"), key=order.index))

    @property
    def as_stored(self) -> bool:
        return True

    def corruptions_of(self, cell: Cell) -> tuple[Corruption, ...]:
        """The corruptions under which this cell is measured."""
        if self.shifts is None:
            return () if cell.dataset == "imagenet" else CORRUPTIONS
        return tuple(it for it in CORRUPTIONS if it in self.shifts)

    def test_sets(self, cell: Cell) -> tuple[Natural, ...]:
        """The test sets of other origin on which it is measured."""
        if self.shifts is None:
            return ("imagenetv2",) if cell.dataset == "imagenet" else ()
        return tuple(it for it, of in NATURAL.items() if it in self.shifts and of == cell.dataset)

    def concerns(self, cell: Cell) -> bool:
        return bool(self.corruptions_of(cell) or self.test_sets(cell))


Measure = Curvature | Landscape | Fidelity | Robustness

MEASURES: dict[str, type[Curvature] | type[Landscape] | type[Fidelity] | type[Robustness]] = {
    "curvature": Curvature,
    "landscape": Landscape,
    "fidelity": Fidelity,
    "robustness": Robustness,
}


def _each_once(values: tuple[Any, ...], kind: str) -> tuple[Any, ...]:
    if not values:
        raise PydanticCustomError("needs", "is empty; give at least one value")
    if len(set(values)) < len(values):
        raise PydanticCustomError("twice", "a {kind} is given twice; give each once", {"kind": kind})
    return values
