"""A table with a line for each model of a study: which lines, and what each has for its identity."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sd.plan.cell import Cell
from sd.render.layout import identity, identity_headers, lay_out, model_name, model_order, taught_by


@dataclass(frozen=True)
class Line:
    """One line: the cells that differ in their seed alone, and the entries that say what they are."""

    cells: list[Cell]
    identity: list[str]

    @property
    def setting(self) -> str:
        return self.cells[0].setting


@dataclass(frozen=True)
class Lines:
    """The lines of some cells, in the order of the plan, with ``seeds`` cells each at most."""

    headers: list[str]
    lines: list[Line]
    seeds: int

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    @property
    def spread(self) -> str:
        """``mean ± sample standard deviation over 3 seeds``."""
        return f"mean ± sample standard deviation over {self.seeds} seed{'s' if self.seeds > 1 else ''}"


def lines_of(cells: Iterable[Cell]) -> Lines:
    """A line for each model, those of one study below one another: teacher, rounds, and what stands beside them."""
    _, columns = lay_out(cells)
    studies = list(dict.fromkeys(taught_by(study) for study, _ in columns))
    found = []
    for study in studies:
        inside = [(own, model) for own, model in columns if taught_by(own) == study]
        for own, model in sorted(inside, key=lambda place: model_order(*place)):
            name = model_name(own, model)
            found.append(Line(columns[own, model], [*identity(study, studies, alpha=False), name]))
    headers = [*identity_headers(studies, alpha=False), "Model"]
    return Lines(headers, found, max(map(len, columns.values())))
