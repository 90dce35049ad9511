"""The grids that a site shows, each with the command that goes on with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sd import resource
from sd.plan.grid import read_grid
from sd.plan.schedule import Plan, plan


@dataclass(frozen=True)
class Grid:
    """A grid: its plan, its files, and the ``command`` that fills what is missing of it."""

    plan: Plan
    paths: Sequence[Path]
    command: str


def plan_of(grids: Sequence[Grid]) -> Callable[[str], tuple[Plan, Sequence[Path]] | None]:
    """The plan and the paths of one of these grids, by its name or, as some addresses have it, by its file in jobs/."""
    names = {name: grid for grid in grids for name in (grid.plan.name, f"jobs/{grid.plan.name}.yaml")}
    found = {name: (grid.plan, grid.paths) for name, grid in names.items()}
    return found.get


def shipped_grids(options: str) -> list[Grid]:
    """Each grid in ``jobs/``.

    Args:
        options: what the command has after the file, beginning with a space; or nothing.
    """
    return [
        Grid(plan([read_grid(path)]), [Path("jobs", path.name)], f"python -m sd.launch jobs/{path.name}{options}")
        for path in sorted(resource("jobs").glob("*.yaml"))
    ]
