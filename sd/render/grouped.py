"""A table of groups of lines, drawn for a terminal: what a group is of stands above its lines, so that they fit."""

import re
import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from sd.render.table import Entry, Table

_GAP = 2

# The least that is left for who measured a line, before the numbers are written closer.
_LEAST = 20


def draw_groups(table: Table, console: Console) -> None:
    """Draw a table whose first ``identity`` columns say what a group of lines is of."""
    first = table.identity
    headers = table.headers[first:]
    texts = [row[first:] for row in table.texts()]
    for closer in (list, _closer, _closest):
        lines = [closer(row) for row in texts]
        widths = [max(map(len, column)) for column in zip(headers, *lines, strict=True)]
        left = console.width - sum(width + _GAP for width in widths[1:]) - _GAP
        if left >= min(widths[0], _LEAST):
            break
    widths[0] = max(8, min(widths[0], left))
    _say(console, Text(table.title, style="bold"))
    _say(console, _line(headers, widths, style="bold"))
    for number, row in enumerate(table.rows):
        if table.begins(number):
            named = zip(table.headers[:first], table.texts()[number][:first], strict=True)
            _say(console, Text(", ".join(_identity(name, text) for name, text in named if text), style="bold"))
        for line in _wrapped(lines[number], widths[0]):
            _say(console, _line(line, widths, style=_style(row)))
    console.print(Text(table.caption + (" * is said in brackets below." if closer is _closest else "")))


def _say(console: Console, text: Text) -> None:
    console.print(text, no_wrap=True, overflow="ignore", crop=False)


def _line(cells: Sequence[str], widths: Sequence[int], *, style: str = "") -> Text:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return Text(" " * _GAP + (" " * _GAP).join(padded).rstrip(), style=style)


def _wrapped(cells: Sequence[str], width: int) -> list[list[str]]:
    """A line whose first cell is told on as many lines as it takes; the numbers stand on the first."""
    first, *others = textwrap.wrap(cells[0], width, subsequent_indent="  ") or [""]
    return [[first, *cells[1:]], *([other, *[""] * (len(cells) - 1)] for other in others)]


def _closer(row: Sequence[str]) -> list[str]:
    """Numbers without the spaces in them: ``95.57±0.15↑``."""
    return [row[0], *(text.replace(" ", "") for text in row[1:])]


def _closest(row: Sequence[str]) -> list[str]:
    """The same, its footnotes no more than a star: ``94.38±0.07↓*``."""
    return [row[0], *(re.sub(r"(\[\w+\])+", "*", text) for text in _closer(row)[1:])]


def _identity(header: str, text: str) -> str:
    """``ResNet18``, ``Data Aug. Yes``, ``α 0.5``: a name speaks for itself, an answer and a number do not."""
    return text if header in {"Architecture", "Dataset", "Model"} else f"{header} {text}"


def _style(row: Sequence[str | Entry]) -> str:
    return "dim" if any(isinstance(item, Entry) and item.signed for item in row) else ""
