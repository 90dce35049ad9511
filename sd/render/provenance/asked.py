"""From addresses to answers: one at a time, or many with as many queries as for one."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sd import BadInput
from sd.plan.schedule import Plan
from sd.render.address import CHECKPOINTS, at_checkpoint, split_checkpoint
from sd.render.provenance.answer import Answer
from sd.render.provenance.grid_place import GridPlaces
from sd.render.provenance.of_cell import cell_answer
from sd.render.provenance.paper_place import select_in_paper
from sd.render.provenance.run import Facts
from sd.render.provenance.selected import Index, Selected
from sd.store.database import Database

EXAMPLES = "table2:ResNet18:CIFAR-10:aug:0.5:R1, digits:ResNet8:Digits:0.5:R1, claim:C1, figure:4 or a cell's key"


@dataclass(frozen=True)
class Sources:
    """Where answers come from.

    Attributes:
        root: the folder of runs.
        logs: the log of each job that is there, by its id.
        plans: the plan and the paths of a grid, by its name; ``None`` where there is no such grid.
        slurm: whether there is a SLURM, for the commands that fill what is missing.
    """

    database: Database
    root: Path
    plans: Callable[[str], tuple[Plan, Sequence[Path]] | None]
    logs: Mapping[str, Path] = field(default_factory=dict)
    slurm: bool = False


def why(address: str, sources: Sources, *, checkpoint: str = "best_test") -> Answer:
    """What stands behind an address.

    Args:
        checkpoint: where the address names none with ``@``.

    Raises:
        BadInput: it is none, or leads nowhere; one line that says which part does not fit and what would.
    """
    text = address.strip()
    place, at = split_checkpoint(text)
    if at and at not in CHECKPOINTS:
        raise BadInput(f"{address!r}: {at!r} is not a checkpoint; give {', '.join(CHECKPOINTS)}")
    at = at or checkpoint
    kind, colon, rest = place.partition(":")
    kind, index = kind.strip(), Index(sources.database)
    if re.fullmatch(r"[0-9a-f]{16}", kind.lower()) and not colon:
        keys = [kind.lower()]
        return cell_answer(address, keys[0], at, index, _facts(sources, keys))
    if kind.lower() == "claim":
        return _claim(address, rest, at, index, sources)
    if kind.lower() == "figure":
        return _figure(address, rest, at, index, sources)
    selected = _Selecting(sources, index).select(at_checkpoint(place, at))
    return selected.answer(_facts(sources, selected.keys))


def why_each(addresses: Iterable[str], sources: Sources) -> dict[str, Answer]:
    """As :func:`why_in_turn`, all at once, by address."""
    return dict(why_in_turn(addresses, sources))


def why_in_turn(addresses: Iterable[str], sources: Sources, *, strict: bool = True) -> Iterator[tuple[str, Answer]]:
    """The answers to many addresses of numbers in tables, each once, one after the other; with as many queries as for
    one.

    Args:
        strict: whether each must lead somewhere; else one that does not is left out.

    Raises:
        BadInput: one of them leads nowhere, where each must.
    """
    selecting = _Selecting(sources, Index(sources.database))
    selected: dict[str, Selected] = {}
    for address in dict.fromkeys(addresses):
        try:
            selected[address] = selecting.select(address)
        except BadInput:
            if strict:
                raise
    facts = _facts(sources, {key for it in selected.values() for key in it.keys})
    for address, it in selected.items():
        yield address, it.answer(facts)


class _Selecting:
    """What addresses of numbers in tables mean; each grid is laid out once."""

    def __init__(self, sources: Sources, index: Index) -> None:
        self._sources, self._index = sources, index
        self._grids: dict[str, GridPlaces | None] = {}

    def select(self, text: str) -> Selected:
        name, colon, rest = text.partition(":")
        if re.fullmatch(r"table\d+", name.strip().lower()) and len(rest.split(":")) > 1:
            return select_in_paper(text, self._index, slurm=self._sources.slurm)
        places = self._grid(name.strip()) if colon else None
        if places is None:
            raise BadInput(f"{text!r} is not an address; give {EXAMPLES}")
        return places.select(text, rest, self._index)

    def _grid(self, name: str) -> GridPlaces | None:
        if name not in self._grids:
            found = self._sources.plans(name)
            self._grids[name] = GridPlaces(*found, slurm=self._sources.slurm) if found else None
        return self._grids[name]


def _facts(sources: Sources, keys: Iterable[str]) -> Facts:
    return Facts(sources.database, set(keys), sources.root, sources.logs)


def _claim(address: str, rest: str, checkpoint: str, index: Index, sources: Sources) -> Answer:
    """Of a claim; scipy, which its tests need, takes longer to import than a table takes to render."""
    from sd.render.provenance import of_claim

    cases = of_claim.claim_cases(address, rest, checkpoint, index)
    facts = _facts(sources, of_claim.keys_of(cases, index))
    return of_claim.claim_answer(rest, checkpoint, cases, index, facts)


def _figure(address: str, rest: str, checkpoint: str, index: Index, sources: Sources) -> Answer:
    from sd.render.provenance import of_figure

    selection = of_figure.figure_selection(address, rest, checkpoint, index)
    facts = _facts(sources, of_figure.keys_of(selection))
    return of_figure.figure_answer(rest, checkpoint, selection, facts)
