"""A recipe: the hyper-parameters of one training run, by name, each field overridable in a grid."""

from math import cos, pi
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sd.plan.number import no_switch, plain_zero


class Recipe(BaseModel):
    """How a model is trained.

    A field without a default always enters a cell's key. A field with a default is an option; it enters the key only
    when it is not left at its default, so that a later version can add an option without changing the identity of a
    single cell that was trained before.

    Attributes:
        schedule: ``cosine`` and ``step`` change the learning rate once an epoch, ``cosine_by_step`` at every step.
        precision: of the forward passes; weights, gradients and their sums are float32 either way.
        init: weights drawn from the seed, or the architecture's published ones under a new head.
        warmup_steps: steps over which the learning rate rises from zero.
        label_smoothing: share of each label that is spread over all classes, in the cross-entropy.
        ema_decay: the model that is evaluated and saved is this running average of the weights.
        val_fraction: share of the training set that is held out, by class, to choose the checkpoint ``best_val``.
        evaluate_every: epochs between two evaluations; the last epoch has one in any case.
        augment_order: whether crop and flip come before AutoAugment (DARTS, Cutout) or after it (google-research/sam).
        cutout_length: side of the square that Cutout hides, in pixels; else the data set's own (spec H12).
        rotation: the largest angle of ``aug: crop_rotate``, in degrees (spec H18).
        stop_after: epochs after which training ends, early, on a schedule for all ``epochs``; else it takes them all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    momentum: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    schedule: Literal["cosine", "step", "cosine_by_step"]
    nesterov: bool = False
    clip_norm: float | None = Field(default=None, gt=0)
    milestones: tuple[int, ...] = ()
    gamma: float | None = Field(default=None, gt=0, le=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    sam_rho: float | None = Field(default=None, gt=0)
    init: Literal["scratch", "pretrained"] = "scratch"
    warmup_steps: int = Field(default=0, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    val_fraction: float = Field(default=0.0, ge=0, lt=1)
    evaluate_every: int = Field(default=1, gt=0)
    augment_order: Literal["crop_first", "policy_first"] = "crop_first"
    cutout_length: int | None = Field(default=None, gt=0)
    rotation: float = Field(default=20.0, gt=0, le=180)
    stop_after: int | None = Field(default=None, gt=0)

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
        if self.stop_after is not None and self.stop_after >= self.epochs:
            problem = "stop_after: {stop} is not before the end of {epochs} epochs; give fewer, or leave it out"
            raise PydanticCustomError("needs", problem, {"stop": self.stop_after, "epochs": self.epochs})
        return self

    @property
    def trained_epochs(self) -> int:
        """Epochs that training takes."""
        return self.stop_after or self.epochs

    def science(self, *, optimizer: str, aug: str) -> dict[str, Any]:
        """The fields that decide what a run computes.

        ``sam_rho`` matters to SAM alone, milestones to steps alone, and how an image is changed only to an augmentation
        that changes it so.
        """
        on = {
            name: value
            for name, value in self.model_dump().items()
            if type(self).model_fields[name].is_required() or value != type(self).model_fields[name].default
        }
        without_effect = [] if optimizer == "sam" else ["sam_rho"]
        without_effect += [] if self.schedule == "step" else ["milestones", "gamma"]
        without_effect += [] if aug == "crop_rotate" else ["rotation"]
        without_effect += [] if aug == "aa_cutout" else ["augment_order"]
        without_effect += [] if aug in {"cutout", "aa_cutout"} else ["cutout_length"]
        for name in without_effect:
            on.pop(name, None)
        return on

    def learning_rate_at(self, epoch: int, step: int = 0, steps: int = 1) -> float:
        """Learning rate during step ``step`` of the ``steps`` of ``epoch``, both counted from 0.

        ``cosine`` is ``CosineAnnealingLR(optimizer, epochs)`` stepped after each epoch, as in the DARTS recipe that
        Appendix A copies (spec 3.1). ``cosine_by_step`` and the warm-up are those of google-research/vision_transformer
        (``create_learning_rate_schedule``): linear from zero, and a cosine over the steps that are left (spec H14).
        """
        at = epoch * steps + step
        rate = self.learning_rate
        if self.schedule == "step":
            rate *= (self.gamma or 1.0) ** sum(epoch >= milestone for milestone in self.milestones)
        elif self.schedule == "cosine":
            rate *= 0.5 * (1 + cos(pi * epoch / self.epochs))
        else:
            falling = max(self.epochs * steps - self.warmup_steps, 1)
            rate *= 0.5 * (1 + cos(pi * max(at - self.warmup_steps, 0) / falling))
        return rate * min(1.0, at / self.warmup_steps) if self.warmup_steps else rate


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

_FINE_TUNED = {"weight_decay": 0.0, "batch_size": 512, "learning_rate": 0.03, "epochs": 102, "clip_norm": 1.0}

RECIPES = {
    "appendix_a": APPENDIX_A,
    # Tiny-ImageNet and SVHN: the only recipe in the paper (spec H16), under names of their own.
    "tiny_imagenet": APPENDIX_A,
    "svhn": APPENDIX_A,
    # google-research/vision_transformer's fine-tuning (spec H14): 102 epochs of CIFAR are 9,996 of its 10,000 steps.
    "vit_finetune": APPENDIX_A.model_copy(
        update={**_FINE_TUNED, "schedule": "cosine_by_step", "warmup_steps": 500, "init": "pretrained"}
    ),
    # The same models by the letter of Appendix A.
    "vit_literal": APPENDIX_A.model_copy(update={"init": "pretrained"}),
    # Section 7 of the paper, from scratch; the temperature is 1 there (spec H1), which is a grid's tau (spec H21).
    "clip_student": Recipe(
        epochs=90,
        batch_size=1024,
        learning_rate=0.1,
        momentum=0.9,
        weight_decay=1e-4,
        schedule="step",
        milestones=(30, 60),
        gamma=0.1,
        precision="bf16",
        sam_rho=0.05,
    ),
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
