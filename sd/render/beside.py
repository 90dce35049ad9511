"""Ours beside the paper's: the lines below a row of its tables, each with its difference, and what they are called."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sd.render.address import papers_protocol, parse_address
from sd.render.grid_tables import CHECKPOINT_NOTES
from sd.render.table import Entry

Row = dict[str, Any]

# The paper reports three independent runs.
PAPER_SEEDS = 3

_OURS = "ours: "

BOTH = ("best_test", "last")


def checkpoints_of(checkpoint: str) -> tuple[str, ...]:
    """The checkpoints that are asked for: ``both`` are ``best_test`` and ``last``."""
    return BOTH if checkpoint == "both" else (checkpoint,)


@dataclass(frozen=True)
class Place:
    """A row of the paper's tables by the names of a grid."""

    arch: str
    dataset: str
    aug: str

    @property
    def protocol(self) -> str:
        """The recipe that is the paper's here."""
        return papers_protocol(self.arch, self.dataset)


@dataclass(frozen=True)
class Beside:
    """How the lines of a table are made.

    Attributes:
        columns: of the view, the names of its numbers; ``published_NAME`` and ``NAME_difference`` stand beside them.
        checkpoints: the lines of ours, for each protocol.
        entry: a number of ours.
    """

    columns: Sequence[str]
    checkpoints: Sequence[str]
    entry: Callable[[Row, str], str | Entry]

    def ours(self, place: Place, lines: Iterable[Row]) -> list[list[str | Entry]]:
        """For each protocol and checkpoint who measured, the numbers, and below them the differences to the paper's.

        The paper's own protocol comes first; where it was not measured there is one line of dashes.
        """
        asked = [line for line in lines if line["checkpoint"] in self.checkpoints]
        own = [line for line in asked if line["protocol"] == place.protocol]
        others = [line for line in asked if line["protocol"] != place.protocol]
        rows: list[list[str | Entry]] = []
        if not own:
            rows.append([f"{_OURS}{place.protocol}", *(Entry(None) for _ in self.columns)])
        for line in [*own, *others]:
            rows.append([self._called(line, asked), *(self.entry(line, name) for name in self.columns)])
            rows.append(["difference", *(self._difference(line, name) for name in self.columns)])
        return rows

    def _called(self, line: Row, lines: Sequence[Row]) -> str:
        """``ours: appendix_a``, and the checkpoint or the measurement where there are several."""
        told = [line["protocol"]]
        told += [line["checkpoint"]] if len(self.checkpoints) > 1 else []
        same = {other.get("measure_key") for other in lines if other["protocol"] == line["protocol"]}
        told += [f"measured as {line['measure_key']}"] if len(same) > 1 else []
        return f"{_OURS}{', '.join(told)}"

    def _difference(self, line: Row, name: str) -> str | Entry:
        difference = line.get(f"{name}_difference")
        if difference is None:
            return ""
        own = self.entry(line, name)
        why = own.why if isinstance(own, Entry) else ""
        return Entry(difference, signed=True, why=str(replace(parse_address(why), difference=True)) if why else "")


def notes(
    rows: Sequence[Sequence[str | Entry]], places: Iterable[Place], checkpoints: Sequence[str], fill: str
) -> list[str]:
    """What a reader should know of a table's lines: the checkpoint, other experiments than the paper's, and gaps."""
    told = [CHECKPOINT_NOTES[checkpoint] for checkpoint in checkpoints]
    if len(checkpoints) > 1:
        told = [text.partition("; --checkpoint")[0] + "." for text in told]
    own = {place.protocol for place in places}
    others = sorted({name for row in rows for name in _protocol(row)} - own)
    if others:
        told.append(f"Another experiment than the paper's, whose differences are no test of it: {'; '.join(others)}.")
    if any(_is_gap(row) and own & _protocol(row) for row in rows):
        told.append(f"— is not measured yet; fill it with: {fill}")
    return told


def _protocol(row: Sequence[str | Entry]) -> set[str]:
    """The protocol of a line of ours; of another line, nothing."""
    called = [item.removeprefix(_OURS) for item in row if isinstance(item, str) and item.startswith(_OURS)]
    return {name.partition(",")[0] for name in called}


def _is_gap(row: Sequence[str | Entry]) -> bool:
    return any(isinstance(item, Entry) and item.mean is None for item in row)
