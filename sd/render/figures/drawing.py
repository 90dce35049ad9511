"""From a number to a figure: what is shown is selected, painted and described."""

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import get_args

from matplotlib.figure import Figure

from sd import BadInput
from sd.plan.catalogue import nearest
from sd.plan.cell import Checkpoint
from sd.plan.measure import Split
from sd.render.claims.study import Row
from sd.render.figures import diagram
from sd.render.figures.caption import caption, nothing
from sd.render.figures.catalogue import FIGURES, Entry
from sd.render.figures.painters import PAINTERS
from sd.render.figures.selection import has_data, select
from sd.render.figures.style import laid_out, saved, styled
from sd.store.database import Database

PICTURES = ("png", "pdf", "svg")
FORMATS = (*PICTURES, "csv")


@dataclass(frozen=True)
class Drawn:
    """A figure, or why there is none.

    Attributes:
        caption: one paragraph of plain text.
        rows: the rows of the query that are drawn.
        missing: what is missing and the command that makes it; empty if there is a figure.
    """

    number: int
    title: str
    caption: str = ""
    rows: Sequence[Row] = ()
    missing: str = ""
    figure: Figure | None = field(default=None, repr=False)

    def written(self, format_: str) -> bytes:
        """The picture as ``png``, ``pdf`` or ``svg``, or its data as ``csv``; the same bytes for the same facts.

        Raises:
            BadInput: another format, or there is nothing to write.
        """
        if format_ not in FORMATS:
            raise BadInput(f"--format: {format_!r} is not a format of figures; {nearest(format_, FORMATS)}")
        if self.figure is None:
            raise BadInput(self.missing)
        if format_ != "csv":
            return saved(self.figure, format_)
        if not self.rows:
            raise BadInput(f"--format: Figure {self.number} is a drawing without data; give {', '.join(PICTURES)}")
        return _csv(self.rows).encode()


def draw(
    number: int,
    database: Database,
    *,
    checkpoint: str = "best_test",
    split: str = "train",
    study: str | None = None,
    keys: Collection[str] | None = None,
) -> Drawn:
    """Figure ``number`` of the paper, 1 to 16, from what was measured.

    Args:
        checkpoint: ``best_test``, ``best_val`` or ``last``.
        split: ``train`` or ``test``, of what is measured on either; the other where there is only that.
        study: words that the name of the study to show contains; ``None``: the paper's, else the nearest to it.
        keys: the cells to choose from; ``None``: all.

    Raises:
        BadInput: there is no such figure, checkpoint, split or study.
    """
    if number not in FIGURES:
        raise BadInput(f"--figure: there is no figure {number}; give one of 1 to {max(FIGURES)}, or all")
    for option, value, known in (("checkpoint", checkpoint, get_args(Checkpoint)), ("split", split, get_args(Split))):
        if value not in known:
            raise BadInput(f"--{option}: {value!r} is not a {option}; give {', '.join(known)}")
    entry = FIGURES[number]
    painter = PAINTERS[entry.painter]
    if not entry.query:
        with styled():
            return Drawn(number, entry.title, caption(entry, None), figure=laid_out(diagram.paint()))
    selection = select(entry, database, checkpoint=checkpoint, split=split, study=study, keys=keys)
    if selection is None:
        return Drawn(number, entry.title, missing=_nothing(entry, database, checkpoint, keys))
    chosen = painter.chosen(selection)
    with styled():
        figure = laid_out(painter.paint(chosen))
    text = caption(entry, chosen, **painter.facts(chosen))
    return Drawn(number, entry.title, text, chosen.rows, figure=figure)


def _nothing(entry: Entry, database: Database, checkpoint: str, keys: Collection[str] | None) -> str:
    others = [name for name in get_args(Checkpoint) if name != checkpoint]
    there = [name for name in others if has_data(entry, database, checkpoint=name, keys=keys)]
    return nothing(entry, database.shown, checkpoint, there, grid=keys is not None)


def _csv(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
