"""How a plan's cells are laid out in tables: a row for each study, a column for each model of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sd.plan.catalogue import printed
from sd.plan.cell import Cell

NAMES = {"T": "Teacher", "SAM": "SAM"}


@dataclass(frozen=True)
class Study:
    """What the cells of one row have in common; a teacher belongs to a row without alpha and tau."""

    arch: str
    dataset: str
    aug: str
    label_noise: float
    protocol: str
    tau: float | None = None
    alpha: float | None = None
    teacher_checkpoint: str | None = None


def lay_out(cells: Iterable[Cell]) -> tuple[list[Study], dict[tuple[Study, str], list[Cell]]]:
    """The rows of a table in the order of the plan, and the cells of each (row, model)."""
    columns: dict[tuple[Study, str], list[Cell]] = {}
    for cell in cells:
        study = Study(
            cell.arch,
            cell.dataset,
            cell.aug,
            cell.label_noise,
            cell.protocol,
            cell.tau,
            cell.alpha,
            cell.teacher_checkpoint,
        )
        columns.setdefault((study, cell.column), []).append(cell)
    students = [study for study, _ in columns if study.alpha is not None]
    taught = {taught_by(study) for study in students}
    alone = [study for study, _ in columns if study.alpha is None and study not in taught]
    first = {study: place for place, study in enumerate(dict.fromkeys(taught_by(study) for study, _ in columns))}
    rows = dict.fromkeys([*students, *alone])
    return sorted(rows, key=lambda study: first[taught_by(study)]), columns


def taught_by(study: Study) -> Study:
    """The row of the teacher and SAM, which all students of one study share."""
    return replace(study, tau=None, alpha=None, teacher_checkpoint=None)


def models_of(cells: Sequence[Cell]) -> list[str]:
    """The columns of some cells: ``T``, ``R1`` … and ``SAM`` where there is one."""
    rounds = max((cell.round for cell in cells), default=0)
    sam = ["SAM"] if any(cell.column == "SAM" for cell in cells) else []
    return ["T", *(f"R{number}" for number in range(1, rounds + 1)), *sam]


def previous(model: str) -> str:
    return "T" if model == "R1" else f"R{int(model[1:]) - 1}"


def model_order(study: Study, model: str) -> tuple[float, ...]:
    round_ = 0 if model == "T" else int(model[1:]) if model.startswith("R") else 10**6
    return (model == "SAM", study.tau or 0, study.alpha or 0, round_)


def model_title(model: str) -> str:
    """``Teacher``, ``Round 1`` …, ``SAM``."""
    return NAMES.get(model) or f"Round {model[1:]}"


def model_name(study: Study, model: str) -> str:
    return model_title(model) + (f" (α={study.alpha:g})" if model not in NAMES else "")


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
        columns.append(("Taught by", study.teacher_checkpoint or ""))
    return columns
