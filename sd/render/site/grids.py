"""The grids that a site shows, each with the command that goes on with it."""

from dataclasses import dataclass

from sd import resource
from sd.plan.grid import read_grid
from sd.plan.schedule import Plan, plan


@dataclass(frozen=True)
class Grid:
    """A grid: its plan, and the ``command`` that fills what is missing of it."""

    plan: Plan
    command: str


def shipped_grids(options: str) -> list[Grid]:
    """Each grid in ``jobs/``.

    Args:
        options: what the command has after the file, beginning with a space; or nothing.
    """
    return [
        Grid(plan([read_grid(path)]), f"python -m sd.launch jobs/{path.name}{options}")
        for path in sorted(resource("jobs").glob("*.yaml"))
    ]
