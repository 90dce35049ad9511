"""A grid: the YAML file that a user writes, read into cells; each mistake in it is one line that says what is right."""

import math
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from sd import BadInput
from sd.plan import catalogue
from sd.plan.block import Block, Ensembles, listed, repeated
from sd.plan.cell import Cell
from sd.plan.chains import cells_of
from sd.plan.document import Document, Place, read_document
from sd.plan.measure import MEASURES, Measure
from sd.plan.mistakes import Mistake, report, shortened, validation_mistakes
from sd.plan.recipe import RECIPES, Recipe
from sd.plan.resources import ByArchitecture, Resources, beyond_a_grid, layered, unknown_architectures
from sd.plan.size import MOST_GRIDS, Size


class GridFile(BaseModel):
    """The top level of a grid file."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    include: Annotated[list[str], BeforeValidator(listed)] = []
    defaults: dict[str, Any] = {}
    cells: list[dict[str, Any]] = []
    resources: ByArchitecture = {}

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.cells and not self.include:
            how = "empty" if "cells" in self.model_fields_set else "missing"
            hint = "cells: is {how}; give at least one, or include another grid"
            raise PydanticCustomError("needs", hint, {"how": how})
        return self


@dataclass(frozen=True)
class Grid:
    """A grid that was read without a mistake: its cells, in the order of the file, and what to measure of each.

    Attributes:
        parts: the grids that it includes, each with its own cells and with resources under those of this one.
    """

    name: str
    path: Path
    cells: list[tuple[Cell, tuple[Measure, ...]]]
    resources: ByArchitecture
    notes: list[str]
    parts: tuple["Grid", ...] = ()

    @property
    def all(self) -> list["Grid"]:
        """This grid and every grid that it includes, at any depth; the included ones first."""
        return [*(grid for part in self.parts for grid in part.all), self]


def read_grid(path: Path, *, minimal: bool = False, within: tuple[Path, ...] = (), size: Size | None = None) -> Grid:
    """The grid in a YAML file, and what it includes.

    Args:
        minimal: leave out the blocks of ``tier: full``.
        within: the files that include this one, the outermost first.
        size: what the outermost one has come to.

    Raises:
        BadInput: one line for each mistake, ``file:line: key: value, and what would be right``, in the order of lines.
    """
    document = read_document(path)
    size = size or Size()
    mistakes: list[Mistake] = []
    try:
        file = GridFile.model_validate(document.data)
    except ValidationError as error:
        raise BadInput(report(document, validation_mistakes(document, error, (), _keys_of_a_grid))) from None
    cells: list[tuple[Cell, tuple[Measure, ...]]] = []
    notes: list[str] = []
    parts, of_parts = _included(document, file, (*within, path.resolve()), size, minimal=minimal)
    for index, entry in enumerate(file.cells):
        merged = {**file.defaults, **entry}
        places: dict[str, Place] = {key: ("cells", index, key) if key in entry else ("defaults", key) for key in merged}
        found, block_mistakes = _read_block(document, merged, places, ("cells", index), size)
        mistakes += block_mistakes
        cells += found if not (minimal and merged.get("tier") == "full") else []
    mistakes += unknown_architectures(document, file.resources) + beyond_a_grid(document, file.resources)
    if mistakes or of_parts:
        raise BadInput("\n".join([*of_parts, *([report(document, mistakes)] if mistakes else [])]))
    notes += [note for part in parts for note in part.notes]
    if any(cell.alpha == 1 for cell, _ in cells):
        notes.append(
            "alpha = 1 trains students on the labels alone: the teacher has no influence, "
            "so such a chain is a control (a fresh seed of the teacher), not a distillation"
        )
    notes += _against_the_paper(cells)
    return Grid(file.name, path, cells, file.resources, notes, tuple(parts))


def _included(
    document: Document, file: GridFile, within: tuple[Path, ...], size: Size, *, minimal: bool
) -> tuple[list[Grid], list[str]]:
    """The grids that a file includes, their paths taken from its own folder, and the mistakes in any of them."""
    parts: list[Grid] = []
    mistakes: list[str] = []
    for index, name in enumerate(file.include):
        path = document.path.parent / name
        place = f"{document.path}:{document.line(('include', index))}: include: {shortened(name)}"
        folder = within[0].parent
        try:
            inside, there, near = path.resolve() in within, path.is_file(), path.resolve().is_relative_to(folder)
        except (OSError, ValueError, RuntimeError):  # a name that no file can have, or a link to itself
            inside, there, near = False, False, True
        if not size.with_grid():
            if size.grids == MOST_GRIDS + 1:  # said once, however many follow
                mistakes.append(f"{place} is one grid too many; at most {MOST_GRIDS:,} are read")
            break
        if not near:
            mistakes.append(f"{place} is outside of {folder}; a grid includes what lies beside or below it")
        elif inside:
            mistakes.append(f"{place} includes this file itself, directly or not; leave it out")
        elif not there:
            mistakes.append(f"{place} is no file beside this grid; give a path from {document.path.parent}")
        else:
            try:
                parts.append(_under(file.resources, read_grid(path, minimal=minimal, within=within, size=size)))
            except BadInput as error:
                mistakes += str(error).split("\n")
    return parts, list(dict.fromkeys(mistakes))


def _under(resources: ByArchitecture, part: Grid) -> Grid:
    """An included grid, at any depth, with the including one's resources over its own."""
    names = {**part.resources, **resources}
    merged = {name: layered(*(of[name] for of in (part.resources, resources) if name in of)) for name in names}
    return replace(part, resources=merged, parts=tuple(_under(resources, inner) for inner in part.parts))


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
    document: Document, merged: dict[str, Any], places: dict[str, Place], at: Place, size: Size
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
    too_many = size.with_block(block, len(block.recipe) * math.prod(map(len, changes.values())))
    if too_many:
        return [], [*mistakes, (document.line(at), f"cells: this entry {too_many}")]
    recipes: list[tuple[str, Recipe]] = []
    for name in block.recipe:
        for values in product(*changes.values()):
            changed = RECIPES[name].model_dump() | dict(zip(changes, values, strict=True))
            try:
                recipes.append((name, Recipe.model_validate(changed)))
            except ValidationError as error:
                return [], mistakes + validation_mistakes(document, error, at, _keys_of_a_block, places)
    for name, recipe in recipes:
        if (block.sam or block.teacher == "sam") and recipe.sam_rho is None:
            key = "sam" if block.sam else "teacher"
            mistakes.append((document.line(at), f"{key}: recipe {name} sets no sam_rho; add sam_rho: 0.05"))
        for stop in block.teacher_stop_after:
            if stop >= recipe.epochs:
                line = document.line(places["teacher_stop_after"])
                problem = f"{stop} is not before the end of {recipe.epochs} epochs; give fewer"
                mistakes.append((line, f"teacher_stop_after: {problem}"))
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
    cells = cells_of(block, recipes)
    return [(cell, block.measures_of(cell)) for cell in cells], mistakes


def _options(key: str, value: Any) -> list[Any]:
    """The values that a recipe field multiplies over; a list of milestones is one value."""
    if key == "milestones" and not (isinstance(value, list) and value and isinstance(value[0], list)):
        return [value]
    options: list[Any] = listed(value)
    return options


def _each_once_hint(options: list[Any]) -> str | None:
    """What is wrong with a recipe field's list, if anything is."""
    if not options:
        return "is empty; give at least one value"
    twice = repeated(options)
    return f"{twice[0]} is given twice; give each value once" if twice else None


def _keys_of_a_block(where: list[str]) -> list[str]:
    if len(where) > 1:
        return list((Ensembles if where[0] == "ensembles" else MEASURES[where[0]]).model_fields)
    return [*Block.model_fields, *Recipe.model_fields]


def _keys_of_a_grid(where: list[str]) -> list[str]:
    return list((Resources if len(where) > 1 else GridFile).model_fields)
