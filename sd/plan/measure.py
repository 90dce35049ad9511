"""A measure: something computed from a trained model, with the settings that change what it finds."""

import hashlib
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from sd.plan.cell import Checkpoint
from sd.plan.number import no_switch


class Curvature(BaseModel):
    """Settings of the curvature measure: Hessian trace and largest eigenvalue of the cross-entropy (spec H3–H7).

    ``samples`` images of each split, a fixed class-balanced subset without augmentation (the whole split where it is
    smaller), at each of ``checkpoints``; ``probes`` Hutchinson vectors for the trace; at most ``iterations`` power
    iterations for λ_max.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int = Field(default=5_000, gt=0)
    probes: int = Field(default=100, gt=1)
    iterations: int = Field(default=100, gt=0)
    checkpoints: tuple[Checkpoint, ...] = ("best_test", "last")
    splits: tuple[Literal["train", "test"], ...] = ("train", "test")

    _numbers = field_validator("samples", "probes", "iterations", mode="before")(no_switch)

    @field_validator("checkpoints", "splits")
    @classmethod
    def _each_once(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not values:
            raise PydanticCustomError("needs", "is empty; give at least one value")
        if len(set(values)) < len(values):
            raise PydanticCustomError("twice", "a name is given twice; give each once")
        return values

    name: ClassVar[str] = "curvature"

    @property
    def key(self) -> str:
        """8 hexadecimal digits: the identity of this measure with these settings."""
        return hashlib.sha256(f"{self.name} {self.model_dump_json()}".encode()).hexdigest()[:8]


Measure = Curvature  # a union, as soon as there is a second measure

MEASURES = {"curvature": Curvature}
