"""A grid: the YAML file a user writes, read into cells; each mistake in it is one line that says what is right."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sd import BadInput
from sd.plan import catalogue
from sd.plan.catalogue import AUGMENTATIONS, DATASETS, nearest
from sd.plan.cell import Cell, Checkpoint
from sd.plan.document import Document, Place, read_document
from sd.plan.measure import MEASURES, Curvature, Landscape, Measure
from sd.plan.mistakes import Mistake, report, validation_mistakes
from sd.plan.number import no_switch, plain_zero
from sd.plan.recipe import RECIPES, Recipe
from sd.plan.resources import ByArchitecture, Resources, unknown_architectures


def _listed(value: Any) -> Any:
    """A list multiplies, a scalar does not: a scalar is a list of one."""
    return value if isinstance(value, list) else [value]


def _distinct(values: list[Any]) -> list[Any]:
    for index, value in enumerate(values):
        if value in values[:index]:
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


class Block(BaseModel):
    """One entry under ``cells`` merged over ``defaults``, without the recipe's own fields."""

    model_config = ConfigDict(extra="forbid")

    arch: Annotated[list[_Arch], BeforeValidator(_listed), Field(min_length=1)]
    dataset: Annotated[list[_Dataset], BeforeValidator(_listed), Field(min_length=1)]
    recipe: Annotated[list[_RecipeName], BeforeValidator(_listed), Field(min_length=1)]
    seeds: Annotated[list[_Seed], BeforeValidator(_listed), Field(min_length=1)]
    aug: Annotated[list[_Aug], BeforeValidator(_listed), Field(min_length=1)] = ["std"]
    label_noise: Annotated[list[_Noise], BeforeValidator(_listed), Field(min_length=1)] = [0.0]
    rounds: Annotated[int, BeforeValidator(no_switch), Field(ge=0, le=100)] = 0
    alpha: Annotated[list[_Fraction], BeforeValidator(_listed), Field(min_length=1)] = []
    tau: Annotated[list[_Tau], BeforeValidator(_listed), Field(min_length=1)] = [4.0]
    teacher_checkpoint: Checkpoint = "best_test"
    sam: bool = False
    measure: Annotated[list[_MeasureName], BeforeValidator(_listed)] = []
    curvature: Curvature = Curvature()
    landscape: Landscape = Landscape()

    @field_validator("arch", "dataset", "recipe", "seeds", "aug", "label_noise", "alpha", "tau", "measure")
    @classmethod
    def _each_once(cls, values: list[Any]) -> list[Any]:
        return _distinct(values)

    @model_validator(mode="after")
    def _rounds_and_alpha(self) -> Self:
        if self.rounds and not self.alpha:
            raise PydanticCustomError("needs", "rounds needs alpha, the weight of the labels in [0, 1]; add alpha: 0.5")
        if self.alpha and not self.rounds:
            raise PydanticCustomError("needs", "alpha needs rounds: with rounds 0 there are no students; add rounds: 1")
        return self

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that are asked for, with their settings."""
        return tuple(settings for settings in (self.curvature, self.landscape) if settings.name in self.measure)


class GridFile(BaseModel):
    """The top level of a grid file."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    defaults: dict[str, Any] = {}
    cells: list[dict[str, Any]] = Field(min_length=1)
    resources: ByArchitecture = {}


@dataclass(frozen=True)
class Grid:
    """A grid that was read without a mistake: its cells, in the order of the file, and what to measure of each."""

    name: str
    path: Path
    cells: list[tuple[Cell, tuple[Measure, ...]]]
    resources: ByArchitecture
    notes: list[str]


def read_grid(path: Path) -> Grid:
    """The grid in a YAML file.

    Raises:
        BadInput: one line for each mistake, ``file:line: key: value, and what would be right``, in the order of lines.
    """
    document = read_document(path)
    mistakes: list[Mistake] = []
    try:
        file = GridFile.model_validate(document.data)
    except ValidationError as error:
        raise BadInput(report(document, validation_mistakes(document, error, (), _keys_of_a_grid))) from None
    cells: list[tuple[Cell, tuple[Measure, ...]]] = []
    notes: list[str] = []
    for index, entry in enumerate(file.cells):
        merged = {**file.defaults, **entry}
        places: dict[str, Place] = {key: ("cells", index, key) if key in entry else ("defaults", key) for key in merged}
        found, block_mistakes = _read_block(document, merged, places, ("cells", index))
        mistakes += block_mistakes
        cells += found
    mistakes += unknown_architectures(document, file.resources)
    if mistakes:
        raise BadInput(report(document, mistakes))
    if any(cell.alpha == 1 for cell, _ in cells):
        notes.append(
            "alpha = 1 trains students on the labels alone: the teacher has no influence, "
            "so such a chain is a control (a fresh seed of the teacher), not a distillation"
        )
    notes += _against_the_paper(cells)
    return Grid(name=file.name, path=path, cells=cells, resources=file.resources, notes=notes)


# What the paper's experiments need besides their recipe (spec H1, H17, H18, H21).
_BESIDE_RECIPE: dict[str, dict[str, Any]] = {
    "svhn": {"aug": "none"},
    "tiny_imagenet": {"aug": "crop_rotate"},
    "clip_student": {"aug": "none", "tau": 1.0},
}


def _against_the_paper(cells: list[tuple[Cell, tuple[Measure, ...]]]) -> list[str]:
    """A note for each recipe that stands beside another augmentation or temperature than in the paper."""
    found = {
        f"recipe {cell.recipe_name} is the paper's with {key}: {value:g}"
        if isinstance(value, float)
        else f"recipe {cell.recipe_name} is the paper's with {key}: {value}"
        for cell, _ in cells
        for key, value in _BESIDE_RECIPE.get(cell.recipe_name, {}).items()
        if getattr(cell, key) not in (value, None)
    }
    return [f"{line}; this grid says otherwise" for line in sorted(found)]


def _read_block(
    document: Document, merged: dict[str, Any], places: dict[str, Place], at: Place
) -> tuple[list[tuple[Cell, tuple[Measure, ...]]], list[Mistake]]:
    plain = {key: value for key, value in merged.items() if key not in Recipe.model_fields}
    changes = {key: _options(key, value) for key, value in merged.items() if key in Recipe.model_fields}
    mistakes = [
        (document.line(places[key]), f"{key}: {_each_once_hint(options)}")
        for key, options in changes.items()
        if _each_once_hint(options)
    ]
    try:
        block = Block.model_validate(plain)
    except ValidationError as error:
        return [], mistakes + validation_mistakes(document, error, at, _keys_of_a_block, places)
    recipes: list[tuple[str, Recipe]] = []
    for name in block.recipe:
        for values in product(*changes.values()):
            changed = RECIPES[name].model_dump() | dict(zip(changes, values, strict=True))
            try:
                recipes.append((name, Recipe.model_validate(changed)))
            except ValidationError as error:
                return [], mistakes + validation_mistakes(document, error, at, _keys_of_a_block, places)
    for name, recipe in recipes:
        if block.sam and recipe.sam_rho is None:
            mistakes.append((document.line(at), f"sam: recipe {name} sets no sam_rho; add sam_rho: 0.05"))
        if recipe.init == "pretrained":
            key = "init" if "init" in places else "recipe"
            line = document.line(places.get(key, at))
            mistakes += [
                (line, f"{key}: there are no published weights of {arch} to start from; give init: scratch")
                for arch in block.arch
                if not catalogue.architecture(arch).pretrained
            ]
        if not recipe.val_fraction:
            for key, chosen in (
                ("teacher_checkpoint", (block.teacher_checkpoint,)),
                *((measure.name, measure.checkpoints) for measure in block.measures),
            ):
                if "best_val" in chosen:
                    line = document.line(places.get(key, at))
                    mistakes.append((line, f"{key}: best_val needs a part held out; add val_fraction: 0.1"))
    cells = _cells(block, recipes)
    return [(cell, tuple(m for m in block.measures if m.concerns(cell))) for cell in cells], mistakes


def _options(key: str, value: Any) -> list[Any]:
    """The values that a recipe field multiplies over; a list of milestones is one value."""
    if key == "milestones" and not (isinstance(value, list) and value and isinstance(value[0], list)):
        return [value]
    options: list[Any] = _listed(value)
    return options


def _each_once_hint(options: list[Any]) -> str | None:
    """What is wrong with a recipe field's list, if anything is."""
    if not options:
        return "is empty; give at least one value"
    twice = [value for index, value in enumerate(options) if value in options[:index]]
    return f"{twice[0]} is given twice; give each value once" if twice else None


def _cells(block: Block, recipes: list[tuple[str, Recipe]]) -> Iterator[Cell]:
    """Every chain of a block, a teacher before its students."""
    for arch, dataset, aug, noise, (recipe_name, recipe), seed in product(
        block.arch, block.dataset, block.aug, block.label_noise, recipes, block.seeds
    ):
        chain = partial(
            Cell,
            arch=arch,
            dataset=dataset,
            aug=aug,
            label_noise=noise,
            recipe_name=recipe_name,
            recipe=recipe,
            seed=seed,
        )
        first = chain(optimizer="sgd", round=0)
        yield first
        if block.sam:
            yield chain(optimizer="sam", round=0)
        for tau, alpha in product(block.tau, block.alpha):
            teacher = first
            for round_ in range(1, block.rounds + 1):
                teacher = chain(
                    optimizer="sgd",
                    round=round_,
                    alpha=alpha,
                    tau=tau,
                    teacher_checkpoint=block.teacher_checkpoint,
                    teacher=teacher,
                )
                yield teacher


def _keys_of_a_block(where: list[str]) -> list[str]:
    return list(MEASURES[where[0]].model_fields) if len(where) > 1 else [*Block.model_fields, *Recipe.model_fields]


def _keys_of_a_grid(where: list[str]) -> list[str]:
    return list((Resources if len(where) > 1 else GridFile).model_fields)
