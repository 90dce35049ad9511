"""A table as data: headers, entries that carry their uncertainty, and notes; how it looks is the templates' concern."""

from dataclasses import dataclass, field


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
        why: the address that leads to the runs behind a number of ours (:mod:`sd.render.address`); empty for others.
    """

    mean: float | None
    std: float | None = None
    n: int | None = None
    expected: int | None = None
    arrow: str = ""
    decimals: int = 2
    mark: str = ""
    why: str = ""

    @property
    def text(self) -> str:
        """``95.57 ± 0.15 ↑ (n=2)``; a dash where nothing was measured; n only where it is not what was expected."""
        if self.mean is None:
            return "—"
        spread = f" ± {self.std:.{self.decimals}f}" if self.std is not None else ""
        arrow = f" {self.arrow}" if self.arrow else ""
        count = f" (n={self.n})" if self.n is not None and self.n != self.expected else ""
        return f"{self.mean:.{self.decimals}f}{self.mark}{spread}{arrow}{count}"


@dataclass(frozen=True)
class Table:
    """A table: ``rows`` hold text, or an :class:`Entry`; ``notes`` stand below it."""

    title: str
    caption: str
    headers: list[str]
    rows: list[list[str | Entry]]
    notes: list[str] = field(default_factory=list)

    def texts(self) -> list[list[str]]:
        """Every row as plain text."""
        return [[item.text if isinstance(item, Entry) else item for item in row] for row in self.rows]


def arrow(before: Entry | None, now: Entry) -> str:
    """↑ ↓ → of ``now`` against the previous round, as printed: two means that print alike get →."""
    if before is None or before.mean is None or now.mean is None:
        return ""
    a, b = round(before.mean, before.decimals), round(now.mean, now.decimals)
    return "↑" if b > a else "↓" if b < a else "→"
