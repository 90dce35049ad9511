"""A table as data: headers, entries that carry their uncertainty, and notes; how it looks is the templates' concern."""

from dataclasses import dataclass, field, replace

from sd.render.words import signed


@dataclass(frozen=True)
class Entry:
    """A number in a table, or the place of one.

    Attributes:
        mean: over seeds; ``None`` where nothing was measured.
        std: sample standard deviation over seeds (ddof 1); ``None`` for a single seed.
        n: seeds measured; ``None`` for a published number, which does not say.
        expected: seeds the grid has; ``None`` where that is not known.
        arrow: ↑ ↓ → against the previous round, or nothing.
        decimals: digits after the point.
        mark: a footnote sign.
        signed: whether it is a difference, written with its sign.
        footnotes: what is odd about a printed number, by the names of notes below the table.
        why: the address that leads to the runs behind a number of ours (:mod:`sd.render.address`); empty for others.
    """

    mean: float | None
    std: float | None = None
    n: int | None = None
    expected: int | None = None
    arrow: str = ""
    decimals: int = 2
    mark: str = ""
    signed: bool = False
    footnotes: tuple[str, ...] = ()
    why: str = ""

    @property
    def text(self) -> str:
        """``95.57 ± 0.15 ↑ (n=2)``, ``+0.12``, ``94.38 ± 0.07 ↓ [A3]``; a dash where nothing was measured; n only where
        it is not what was expected."""
        if self.mean is None:
            return "—"
        spread = f" ± {self.std:.{self.decimals}f}" if self.std is not None else ""
        arrow = f" {self.arrow}" if self.arrow else ""
        count = f" (n={self.n})" if self.n is not None and self.n != self.expected else ""
        notes = "".join(f" [{name}]" for name in self.footnotes)
        return f"{self._number}{self.mark}{spread}{arrow}{count}{notes}"

    @property
    def _number(self) -> str:
        mean = self.mean or 0.0
        return signed(mean, self.decimals) if self.signed else f"{mean:.{self.decimals}f}"


@dataclass(frozen=True)
class Table:
    """A table: ``rows`` hold text, or an :class:`Entry`; ``notes`` stand below it.

    Attributes:
        identity: how many of the first columns say what a row is of; the lines that belong to one have them empty
            after the first.
    """

    title: str
    caption: str
    headers: list[str]
    rows: list[list[str | Entry]]
    notes: list[str] = field(default_factory=list)
    identity: int = 0

    def begins(self, number: int) -> bool:
        """Whether the row of that number begins a group of lines that belong together."""
        return self.identity > 0 and bool(self.rows[number][0])

    def pages(self, lines: int) -> list["Table"]:
        """The table in parts of about so many lines, none of which divides a group; the notes stand below the last."""
        starts = [0]
        for number in range(1, len(self.rows)):
            end = next((n for n in range(number + 1, len(self.rows)) if self.begins(n)), len(self.rows))
            if self.begins(number) and end - starts[-1] > lines:
                starts.append(number)
        ends = [*starts[1:], len(self.rows)]
        parts = [replace(self, rows=self.rows[a:b], notes=[]) for a, b in zip(starts, ends, strict=True)]
        parts[1:] = [replace(part, title=f"{self.title}, continued", caption="") for part in parts[1:]]
        return [*parts[:-1], replace(parts[-1], notes=self.notes)]

    def texts(self) -> list[list[str]]:
        """Every row as plain text."""
        return [[item.text if isinstance(item, Entry) else item for item in row] for row in self.rows]


def arrow(before: Entry | None, now: Entry) -> str:
    """↑ ↓ → of ``now`` against the previous round, as printed: two means that print alike get →."""
    if before is None or before.mean is None or now.mean is None:
        return ""
    a, b = round(before.mean, before.decimals), round(now.mean, now.decimals)
    return "↑" if b > a else "↓" if b < a else "→"
