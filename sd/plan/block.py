"""A block: one entry under ``cells`` of a grid, merged over its defaults, without the recipe's own fields."""

from collections.abc import Callable, Hashable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sd import BadInput
from sd.plan import catalogue
from sd.plan.catalogue import AUGMENTATIONS, DATASETS, nearest
from sd.plan.cell import Cell, Checkpoint, Method
from sd.plan.measure import MEASURES, Curvature, Fidelity, Landscape, Measure, Robustness
from sd.plan.number import no_switch, plain_zero
from sd.plan.recipe import RECIPES
from sd.plan.shifts import NATURAL

Tier = Literal["minimal", "full"]


def listed(value: Any) -> Any:
    """A list multiplies, a scalar does not: a scalar is a list of one."""
    return value if isinstance(value, list) else [value]


def repeated(values: Sequence[Any]) -> list[Any]:
    """Those of the values that an earlier one is equal to."""
    seen: set[Any] = set()
    found = []
    for value in values:
        plain = value if isinstance(value, Hashable) else repr(value)
        if plain in seen:
            found.append(value)
        seen.add(plain)
    return found


def _distinct(values: list[Any]) -> list[Any]:
    for value in repeated(values):
        raise PydanticCustomError("twice", "{value} is given twice; give each value once", {"value": value})
    return values


def _known(kind: str, names: Any) -> Any:
    def check(value: Any) -> Any:
        if not isinstance(value, str) or value not in names:
            raise PydanticCustomError("unknown", f"is not a known {kind}; {{hint}}", {"hint": nearest(value, names)})
        return value

    return BeforeValidator(check)


def _resolved(kind: str, facts: Callable[[str], object], hint: Callable[[object], str]) -> Any:
    def check(value: Any) -> Any:
        try:
            facts(value if isinstance(value, str) else "")
        except BadInput:
            problem = f"is not a known {kind}; {{hint}}"
            raise PydanticCustomError("unknown", problem, {"hint": hint(value)}) from None
        return value

    return BeforeValidator(check)


def _trainable(name: str) -> str:
    if name in DATASETS and not DATASETS[name].train:
        hint = "is for evaluation; train on another: " + ", ".join(name for name, it in DATASETS.items() if it.train)
        raise PydanticCustomError("needs", "{name} has no training split; it {hint}", {"name": name, "hint": hint})
    return name


_Arch = Annotated[str, _resolved("architecture", catalogue.architecture, catalogue.architecture_hint)]
_Dataset = Annotated[str, _resolved("data set", catalogue.dataset, catalogue.dataset_hint), AfterValidator(_trainable)]
_Aug = Annotated[str, _known("augmentation", AUGMENTATIONS)]
_RecipeName = Annotated[str, _known("recipe", RECIPES)]
_MeasureName = Annotated[str, _known("measure", MEASURES)]
_Fraction = Annotated[
    float, BeforeValidator(no_switch), Field(ge=0, le=1, allow_inf_nan=False), AfterValidator(plain_zero)
]
_Noise = Annotated[
    float, BeforeValidator(no_switch), Field(ge=0, lt=1, allow_inf_nan=False), AfterValidator(plain_zero)
]
_Tau = Annotated[float, BeforeValidator(no_switch), Field(gt=0, allow_inf_nan=False)]
_Seed = Annotated[int, BeforeValidator(no_switch), Field(ge=0, lt=2**31)]
_Epochs = Annotated[int, BeforeValidator(no_switch), Field(gt=0)]
_Size = Annotated[int, BeforeValidator(no_switch), Field(ge=2, le=1000)]


class Ensembles(BaseModel):
    """Ensembles of models that were trained from scratch.

    Attributes:
        sizes: the first so many of the members make an ensemble each.
        members: seeds of the members, in order: a list for each of the block's ``seeds``. Without it there is one
            ensemble of each size, of the block's own seeds.
    """

    model_config = ConfigDict(extra="forbid")

    sizes: Annotated[list[_Size], BeforeValidator(listed)] = []
    members: list[list[_Seed]] = []

    @field_validator("sizes")
    @classmethod
    def _sizes_once(cls, values: list[int]) -> list[int]:
        return _distinct(values)

    @field_validator("members")
    @classmethod
    def _members_once(cls, values: list[list[int]]) -> list[list[int]]:
        return [_distinct(members) for members in values]


class Block(BaseModel):
    """One entry under ``cells`` merged over ``defaults``, without the recipe's own fields."""

    model_config = ConfigDict(extra="forbid")

    arch: Annotated[list[_Arch], BeforeValidator(listed), Field(min_length=1)]
    dataset: Annotated[list[_Dataset], BeforeValidator(listed), Field(min_length=1)]
    recipe: Annotated[list[_RecipeName], BeforeValidator(listed), Field(min_length=1)]
    seeds: Annotated[list[_Seed], BeforeValidator(listed), Field(min_length=1)]
    aug: Annotated[list[_Aug], BeforeValidator(listed), Field(min_length=1)] = ["std"]
    label_noise: Annotated[list[_Noise], BeforeValidator(listed), Field(min_length=1)] = [0.0]
    rounds: Annotated[int, BeforeValidator(no_switch), Field(ge=0, le=100)] = 0
    alpha: Annotated[list[_Fraction], BeforeValidator(listed), Field(min_length=1)] = []
    tau: Annotated[list[_Tau], BeforeValidator(listed), Field(min_length=1)] = [4.0]
    teacher_checkpoint: Checkpoint = "best_test"
    teacher: Literal["trained", "sam", "ensemble", "zero_shot"] = "trained"
    teacher_stop_after: Annotated[list[_Epochs], BeforeValidator(listed)] = []
    method: Annotated[list[Method], BeforeValidator(listed), Field(min_length=1)] = ["distillation"]
    sam: bool = False
    ensembles: Ensembles = Ensembles()
    ban: Annotated[list[_Size], BeforeValidator(listed)] = []
    tier: Tier = "minimal"
    measure: Annotated[list[_MeasureName], BeforeValidator(listed)] = []
    measure_ensembles: Annotated[list[_MeasureName], BeforeValidator(listed)] = []
    curvature: Curvature = Curvature()
    landscape: Landscape = Landscape()
    fidelity: Fidelity = Fidelity()
    robustness: Robustness = Robustness()

    @field_validator(
        *("arch", "dataset", "recipe", "seeds", "aug", "label_noise", "alpha", "tau", "method", "ban", "measure"),
        *("teacher_stop_after", "measure_ensembles"),
    )
    @classmethod
    def _each_once(cls, values: list[Any]) -> list[Any]:
        return _distinct(values)

    @model_validator(mode="after")
    def _rounds_and_alpha(self) -> Self:
        if self.rounds and not self.alpha:
            raise PydanticCustomError("needs", "rounds needs alpha, the weight of the labels in [0, 1]; add alpha: 0.5")
        if self.alpha and not self.rounds:
            raise PydanticCustomError("needs", "alpha needs rounds: with rounds 0 there are no students; add rounds: 1")
        if self.method != ["distillation"] and not self.rounds:
            raise PydanticCustomError("needs", "method is of students; add rounds: 1 and alpha: 0.5")
        if self.teacher != "trained" and not self.rounds:
            raise PydanticCustomError("needs", "teacher needs rounds: without there is none to teach; add rounds: 1")
        if self.teacher_stop_after and not (self.rounds and self.teacher in {"trained", "sam"}):
            problem = "teacher_stop_after is of teachers that are trained for their students; "
            hint = "give teacher: trained" if self.rounds else "add rounds: 1"
            raise PydanticCustomError("needs", f"{problem}{hint}")
        return self

    @model_validator(mode="after")
    def _what_is_assembled(self) -> Self:
        if self.ban and max(self.ban) > self.rounds + 1:
            problem = "ban: {size} models take {rounds} rounds; give rounds: {rounds}"
            raise PydanticCustomError("needs", problem, {"size": max(self.ban), "rounds": max(self.ban) - 1})
        if self.teacher == "ensemble" and not self.ensembles.sizes:
            hint = "ensembles: {sizes: [2, 3]}"
            raise PydanticCustomError("needs", "teacher: ensemble needs their sizes; add {hint}", {"hint": hint})
        if self.ensembles.members and not self.ensembles.sizes:
            raise PydanticCustomError("needs", "ensembles: members need sizes; add sizes: [2]")
        if self.ensembles.members and len(self.ensembles.members) != len(self.seeds):
            counts = {"lists": len(self.ensembles.members), "seeds": len(self.seeds)}
            problem = "ensembles: there are {lists} lists of members for {seeds} seeds; give one for each seed"
            raise PydanticCustomError("needs", problem, counts)
        for name in self.measure_ensembles:
            if name not in self.measure:
                problem = "measure_ensembles: {name} is not measured here; add it to measure, too"
                raise PydanticCustomError("needs", problem, {"name": name})
        largest = max(self.ensembles.sizes, default=0)
        shortest = min(map(len, self.pools.values()), default=0)
        if shortest < largest:
            problem = "ensembles: a size of {size} needs as many members; there are {members}"
            raise PydanticCustomError("needs", problem, {"size": largest, "members": shortest})
        for size in self.ensembles.sizes:
            sets = [frozenset(members[:size]) for members in self.ensembles.members]
            if len(set(sets)) < len(sets):
                problem = "ensembles: two seeds have the same {size} members, which are one ensemble; give others"
                raise PydanticCustomError("needs", problem, {"size": size})
        for arch in self.arch if self.teacher == "zero_shot" else ():
            if not catalogue.architecture(arch).zero_shot:
                known = ", ".join(name for name, it in catalogue.ARCHITECTURES.items() if it.zero_shot)
                problem = "teacher: {arch} has no zero-shot classifier; those that have: {known}"
                raise PydanticCustomError("needs", problem, {"arch": arch, "known": known})
        return self

    @model_validator(mode="after")
    def _test_sets_of_these_data(self) -> Self:
        for name, of in NATURAL.items():
            if "robustness" in self.measure and name in (self.robustness.shifts or ()) and of not in self.dataset:
                problem = "robustness: {name} is for cells of {of}, of which there are none here; leave it out"
                raise PydanticCustomError("needs", problem, {"name": name, "of": of})
        return self

    @property
    def pools(self) -> dict[int, list[int]]:
        """Seeds of the members of ensembles, in order, by the seed under which the ensembles stand."""
        if not self.ensembles.sizes:
            return {}
        if not self.ensembles.members:
            return {self.seeds[0]: self.seeds}
        return dict(zip(self.seeds, self.ensembles.members, strict=True))

    def measures_of(self, cell: Cell) -> tuple[Measure, ...]:
        """What is measured of a cell: of one that is assembled only what costs little, unless it is asked for."""
        return tuple(
            measure
            for measure in self.measures
            if measure.concerns(cell)
            and (measure.of_assembled or not cell.is_assembled or measure.name in self.measure_ensembles)
        )

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that are asked for, with their settings."""
        return tuple(getattr(self, name) for name in MEASURES if name in self.measure)
