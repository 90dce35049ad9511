"""A recipe: the hyper-parameters of one training run, by name, each field overridable in a grid."""

from math import cos, pi
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sd.plan.number import no_switch, plain_zero


class Recipe(BaseModel):
    """How a model is trained.

    A field without a default always enters a cell's key. A field with a default is an option whose default means
    *off*; it enters the key only when it is on, so that a later version can add an option without changing the
    identity of a single cell that was trained before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    momentum: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    schedule: Literal["cosine", "step"]
    nesterov: bool = False
    clip_norm: float | None = Field(default=None, gt=0)
    milestones: tuple[int, ...] = ()
    gamma: float | None = Field(default=None, gt=0, le=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    sam_rho: float | None = Field(default=None, gt=0)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        return value if info.field_name == "nesterov" else no_switch(value)

    @field_validator("*", mode="after")
    @classmethod
    def _plain_zero(cls, value: Any) -> Any:
        return plain_zero(value)

    @field_validator("milestones", mode="before")
    @classmethod
    def _epochs_are_numbers(cls, value: Any) -> Any:
        return [no_switch(epoch) for epoch in value] if isinstance(value, list | tuple) else value

    @field_validator("milestones", mode="after")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(a >= b for a, b in zip((0, *value), value, strict=False)):
            raise PydanticCustomError("rising", "should be epochs from 1 on, in rising order")
        return value

    @model_validator(mode="after")
    def _fields_that_need_each_other(self) -> Self:
        if self.schedule == "step" and not (self.milestones and self.gamma):
            raise PydanticCustomError(
                "needs", "schedule step needs milestones and gamma; add milestones: [150], gamma: 0.1"
            )
        if self.nesterov and not self.momentum:
            raise PydanticCustomError("needs", "nesterov needs momentum above 0; add momentum: 0.9")
        return self

    def science(self, *, optimizer: str) -> dict[str, Any]:
        """The fields that decide what a run computes: ``sam_rho`` matters to SAM alone, milestones to steps alone."""
        on = {
            name: value
            for name, value in self.model_dump().items()
            if type(self).model_fields[name].is_required() or value != type(self).model_fields[name].default
        }
        without_effect = [] if optimizer == "sam" else ["sam_rho"]
        without_effect += ["milestones", "gamma"] if self.schedule == "cosine" else []
        for name in without_effect:
            on.pop(name, None)
        return on

    def learning_rate_at(self, epoch: int) -> float:
        """Learning rate during ``epoch`` (counted from 0): cosine to zero or steps, changed once an epoch.

        Cosine is ``CosineAnnealingLR(optimizer, epochs)`` stepped after each epoch, as in the DARTS recipe that
        Appendix A copies (spec 3.1).
        """
        if self.schedule == "cosine":
            return 0.5 * self.learning_rate * (1 + cos(pi * epoch / self.epochs))
        passed = sum(epoch >= milestone for milestone in self.milestones)
        return self.learning_rate * (self.gamma or 1.0) ** passed


# Appendix A (spec 3.1); SAM's ρ is spec H2, bf16 autocast is H7.
APPENDIX_A = Recipe(
    epochs=600,
    batch_size=96,
    learning_rate=0.025,
    momentum=0.9,
    weight_decay=3e-4,
    schedule="cosine",
    clip_norm=5.0,
    precision="bf16",
    sam_rho=0.05,
)

RECIPES = {
    "appendix_a": APPENDIX_A,
    # The paper's recipe scaled to a thousand small images: fewer epochs, full precision.
    "digits": APPENDIX_A.model_copy(update={"epochs": 30, "precision": "fp32"}),
    # Li et al. (2018), for the loss surfaces (spec H19).
    "li2018": Recipe(
        epochs=300,
        batch_size=128,
        learning_rate=0.1,
        momentum=0.9,
        weight_decay=5e-4,
        schedule="step",
        nesterov=True,
        milestones=(150, 225, 275),
        gamma=0.1,
        sam_rho=0.05,
    ),
}


def protocol(name: str, recipe: Recipe) -> str:
    """What a table calls a recipe: its name, and in brackets each field that differs from the recipe of that name."""
    named = RECIPES[name].model_dump()
    changed = {field: value for field, value in recipe.model_dump().items() if value != named[field]}
    if not changed:
        return name
    return f"{name} ({', '.join(f'{field} {_plain(value)}' for field, value in changed.items())})"


def _plain(value: Any) -> str:
    return (
        " ".join(map(str, value))
        if isinstance(value, tuple)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
