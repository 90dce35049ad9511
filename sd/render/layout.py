"""How a plan's cells are laid out in tables: a row for each study, a column for each model of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sd.plan.catalogue import printed
from sd.plan.cell import Cell

NAMES = {"T": "Teacher", "SAM": "SAM", "ZS": "Zero-shot"}


@dataclass(frozen=True)
class Study:
    """What the cells of one row have in common; a teacher belongs to a row without alpha and tau.

    Attributes:
        teacher: the stage of whoever began the chain; the paper's ``T`` is ``None``, and so is plain distillation.
    """

    arch: str
    dataset: str
    aug: str
    label_noise: float
    protocol: str
    tau: float | None = None
    alpha: float | None = None
    teacher_checkpoint: str | None = None
    teacher: str | None = None
    method: str | None = None


def place_of(cell: Cell) -> tuple[Study, str]:
    """The study that a cell is of, and what it is in it."""
    way = cell.way
    study = Study(
        cell.arch,
        cell.dataset,
        cell.aug,
        cell.label_noise,
        cell.protocol,
        cell.tau,
        cell.alpha,
        way.teacher_checkpoint,
        None if way.first_teacher == "T" else way.first_teacher,
        None if way.method == "distillation" else way.method,
    )
    return study, cell.stage


def lay_out(cells: Iterable[Cell]) -> tuple[list[Study], dict[tuple[Study, str], list[Cell]]]:
    """The rows of a table in the order of the plan, and the cells of each (row, model)."""
    columns: dict[tuple[Study, str], list[Cell]] = {}
    for cell in cells:
        columns.setdefault(place_of(cell), []).append(cell)
    students = [study for study, _ in columns if study.alpha is not None]
    taught = {taught_by(study) for study in students}
    alone = [study for study, _ in columns if study.alpha is None and study not in taught]
    first = {study: place for place, study in enumerate(dict.fromkeys(taught_by(study) for study, _ in columns))}
    rows = dict.fromkeys([*students, *alone])
    return sorted(rows, key=lambda study: first[taught_by(study)]), columns


def taught_by(study: Study) -> Study:
    """The row of the teacher and SAM, which all students of one study share."""
    return replace(study, tau=None, alpha=None, teacher_checkpoint=None, teacher=None, method=None)


def cells_in(columns: Mapping[tuple[Study, str], list[Cell]], study: Study, model: str) -> list[Cell]:
    """The cells of one place of a table: a row's own, or those that it shares with the rows of other alphas.

    Who is said to teach is who taught: a row of an ensemble's students has the ensemble for its ``T``.
    """
    shared = study.teacher if model == "T" and study.teacher else model
    found = columns.get((study, model)) or columns.get((taught_by(study), shared), [])
    if model == "T" and not found:  # whose recipe is another than its students': it stopped early
        return list(dict.fromkeys(cell.teacher for cell in columns.get((study, "R1"), []) if cell.teacher))
    return found


def models_of(cells: Sequence[Cell]) -> list[str]:
    """The columns of some cells: ``T``, ``R1`` …, and ``SAM``, ensembles … where there are any."""
    found = {cell.stage for cell in cells}
    rounds = max((cell.round for cell in cells if not cell.is_assembled), default=0)
    first = ["T", *(f"R{number}" for number in range(1, rounds + 1))]
    others = sorted(found - set(first), key=lambda stage: (_BESIDE.index(_kind(stage)), len(stage), stage))
    return [*first, *others]


# What stands beside the rounds of a chain, in the order of the columns.
_BESIDE = ["SAM", "ZS", "E", "BAN"]


def _kind(stage: str) -> str:
    """``E`` of ``E3``: a stage without its number."""
    return stage.rstrip("0123456789")


def previous(model: str) -> str:
    return "T" if model == "R1" else f"R{int(model[1:]) - 1}"


def model_order(study: Study, model: str) -> tuple[Any, ...]:
    others = (study.teacher or "", study.method or "", study.tau or 0, study.alpha or 0)
    if model == "T" or _kind(model) == "R":
        return (0, *others, int(model[1:]) if model != "T" else 0)
    return (1 + _BESIDE.index(_kind(model)), *others, int(model.removeprefix(_kind(model)) or 0))


def model_title(model: str) -> str:
    """``Teacher``, ``Round 1`` …, ``SAM``, ``Ensemble of 3``, ``BAN of 3``."""
    kind, number = _kind(model), model.removeprefix(_kind(model))
    return NAMES.get(model) or {"R": "Round ", "E": "Ensemble of ", "BAN": "BAN of "}[kind] + number


def model_name(study: Study, model: str) -> str:
    """The title and, for a student, alpha and whatever else than the paper's way led to it."""
    told = [f"α={study.alpha:g}"] if study.alpha is not None else []
    told += [f"taught by {study.teacher}"] if study.teacher else []
    told += [study.method.replace("_", " ")] if study.method else []
    return model_title(model) + (f" ({', '.join(told)})" if told else "")


def identity_headers(studies: Sequence[Study], *, alpha: bool = True) -> list[str]:
    return [
        "Architecture",
        "Dataset",
        "Aug",
        *(name for name, _ in _optional(studies[0], studies)),
        *(["α"] if alpha else []),
    ]


def identity(study: Study, studies: Sequence[Study], *, alpha: bool = True) -> list[str]:
    weight = f"{study.alpha:g}" if study.alpha is not None else ""
    return [
        *printed(study.arch, study.dataset, study.aug),
        *(text for _, text in _optional(study, studies)),
        *([weight] if alpha else []),
    ]


def _optional(study: Study, studies: Sequence[Study]) -> list[tuple[str, str]]:
    """Columns that a table has only where its rows differ in them (noise: where there is any)."""
    columns = []
    if any(other.label_noise for other in studies):
        columns.append(("Label noise", f"{study.label_noise:.0%}"))
    if len({other.protocol for other in studies}) > 1:
        columns.append(("Recipe", study.protocol))
    if len({other.tau for other in studies} - {None}) > 1:
        columns.append(("τ", f"{study.tau:g}" if study.tau is not None else ""))
    if len({other.teacher_checkpoint for other in studies} - {None}) > 1:
        columns.append(("Taught at", study.teacher_checkpoint or ""))
    if any(other.teacher for other in studies):
        columns.append(("Taught by", study.teacher or ("T" if study.alpha is not None else "")))
    if any(other.method for other in studies):
        columns.append(
            ("Method", (study.method or "distillation").replace("_", " ") if study.alpha is not None else "")
        )
    return columns
