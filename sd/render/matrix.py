"""Where every cell of a plan stands: a matrix in the shape of the accuracy table, and lines on what is not done."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sd.plan.cell import Cell
from sd.plan.schedule import Plan
from sd.render.layout import cells_in, identity, identity_headers, lay_out, model_title, models_of
from sd.render.table import Table
from sd.render.words import counted, duration
from sd.store.standing import Standing, State

SIGNS: dict[State, str] = {"done": "✓", "running": "▶", "waiting": "…", "failed": "✗", "missing": "–"}

WORDS: dict[State, str] = {
    "done": "done",
    "running": "running",
    "waiting": "waiting",
    "failed": "failed",
    "missing": "not submitted",
}


def matrix(plan: Plan, standings: Mapping[str, Standing]) -> Table:
    """A row for each study, a column for each model; an entry counts its seeds by where they stand."""
    studies, columns = lay_out(plan.cells)
    models = models_of(plan.cells)
    rows: list[list[Any]] = []
    for study in studies:
        inside = [cells_in(columns, study, model) for model in models]
        rows.append([*identity(study, studies), *(_entry(cells, standings) for cells in inside)])
    return Table(
        title=f"{plan.name}: where it stands",
        caption="; ".join(f"{sign} {WORDS[state]}" for state, sign in SIGNS.items()) + "; a number counts seeds",
        headers=[*identity_headers(studies), *map(model_title, models)],
        rows=rows,
    )


def totals(plan: Plan, standings: Mapping[str, Standing]) -> str:
    """``digits: 50 cells: 20 done, 4 running, 25 waiting, 1 failed, 0 not submitted``."""
    count = Counter(standing.state for standing in standings.values())
    return f"{plan.name}: {counted(len(plan.steps), 'cell')}: " + ", ".join(
        f"{count[s]} {word}" for s, word in WORDS.items()
    )


def details(plan: Plan, standings: Mapping[str, Standing], *, most: int | None) -> list[str]:
    """A line for each cell that runs or failed, at most ``most`` of each kind, and one for each reason to wait."""
    lines: list[str] = []
    told: dict[State, Callable[[Cell, Standing], str]] = {"running": _running, "failed": _failed}
    for state, line in told.items():
        found = [(plan.steps[key].cell, standing) for key, standing in standings.items() if standing.state == state]
        lines += [f"{SIGNS[state]} {cell.label}: {line(cell, standing)}" for cell, standing in found[:most]]
        if most is not None and len(found) > most:
            lines.append(f"{SIGNS[state]} and {len(found) - most} more that are {WORDS[state]}; --all shows them")
    quiet: tuple[State, ...] = ("waiting", "missing")
    for state in quiet:
        notes = Counter(standing.note for standing in standings.values() if standing.state == state and standing.note)
        lines += [f"{SIGNS[state]} {counted(count, 'cell')}: {note}" for note, count in notes.items()]
    return lines


def as_json(plan: Plan, standings: Mapping[str, Standing]) -> list[dict[str, Any]]:
    """Every cell with its key, its place in the study, and where it stands."""
    return [_facts(plan.steps[key].cell, standing) for key, standing in standings.items()]


def _entry(cells: Sequence[Cell], standings: Mapping[str, Standing]) -> str:
    """``✓ 3 ▶ 2``; of a single cell that runs, how far it is."""
    stands = [standings[cell.key] for cell in cells]
    if len(cells) == 1 and stands[0].state == "running":
        return f"{SIGNS['running']} {_place(cells[0], stands[0])}"
    count = Counter(standing.state for standing in stands)
    said = (f"{sign} {count[state]}" if len(cells) > 1 else sign for state, sign in SIGNS.items() if count[state])
    return " ".join(said)


def _place(cell: Cell, standing: Standing) -> str:
    return f"{standing.epoch or 0}/{cell.recipe.trained_epochs}"


def _running(cell: Cell, standing: Standing) -> str:
    words: Iterable[str | None] = (
        f"epoch {_place(cell, standing)}" if standing.epoch is not None else None,
        f"test {standing.top1:.2f} %" if standing.top1 is not None else None,
        f"{duration(standing.seconds_left)} left" if standing.seconds_left is not None else None,
        standing.note or None,
        f"job {standing.job}" if standing.job else None,
    )
    return ", ".join(word for word in words if word)


def _failed(_: Cell, standing: Standing) -> str:
    where = f"; see {standing.log}" if standing.log else ""
    job = f"job {standing.job}: " if standing.job else ""
    return f"{job}{standing.note}{where}"


def _facts(cell: Cell, standing: Standing) -> dict[str, Any]:
    return {
        "key": cell.key,
        "label": cell.label,
        "arch": cell.arch,
        "dataset": cell.dataset,
        "aug": cell.aug,
        "label_noise": cell.label_noise,
        "model": cell.column,
        "alpha": cell.alpha,
        "seed": cell.seed,
        "state": standing.state,
        "note": standing.note,
        "job": standing.job,
        "log": str(standing.log.absolute()) if standing.log else None,
        "epoch": standing.epoch,
        "epochs": cell.recipe.trained_epochs,
        "test_top1": standing.top1,
        "seconds_left": standing.seconds_left,
    }
