"""What a part's test found, before anything is adjusted."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf

from sd.render.statistics import Found
from sd.render.words import signed


@dataclass(frozen=True)
class Unit:
    """How an effect is written: its text, and the text of its change alone."""

    name: str
    text: Callable[[float], str]


def _points(value: float) -> str:
    return f"{signed(value, 2)} pp"


def _percent(value: float) -> str:
    """Of a logarithm of a ratio: the change in percent."""
    return "+∞ %" if value > 700 else f"{signed(100 * (exp(value) - 1))} %"


POINTS = Unit("percentage points", _points)
RATIO = Unit("log ratio, written as a change in percent", _percent)
SHARE = Unit("share less one half, in percentage points", lambda value: f"{signed(100 * value)} pp")
PER_ALPHA = Unit("percentage points per unit of α", lambda value: f"{signed(value, 2)} pp/α")
TAU = Unit("Kendall's τ", lambda value: f"τ = {signed(value, 2)}")
RHO = Unit("Spearman's ρ", lambda value: f"ρ = {signed(value, 2)}")
TREND = Unit("mean rank correlation with the round (Page)", lambda value: f"ρ = {signed(value, 2)}")


@dataclass(frozen=True)
class Finding:
    """What a part's test found.

    Attributes:
        part: its name.
        found: effect, interval, p and n.
        supports: whether a small p speaks for the claim; else it speaks against it.
        counted: what n counts: ``clusters``, ``cells`` …
        decides: whether the claim's verdict rests on it.
        needs: how many must be counted for power 0.8 at a level, if effect and spread are those observed; ``None``:
            more than could be, or not known.
        a_seed_adds: how many more are counted for each seed that is added.
        note: what else should be known.
    """

    part: str
    found: Found
    supports: bool
    unit: Unit
    counted: str = "clusters"
    decides: bool = True
    needs: Callable[[float], int | None] = lambda level: None
    a_seed_adds: float = 1
    note: str = ""

    @property
    def effect(self) -> str:
        """``+0.55 pp [+0.10, +1.01]``."""
        interval = self.found.interval
        if interval is None or interval.low == -inf:
            return self.unit.text(self.found.effect)
        low, high = (_bare(self.unit.text(end)) for end in (interval.low, interval.high))
        return f"{self.unit.text(self.found.effect)} [{low}, {high}]{'' if 'exact' in interval.method else '*'}"


def _bare(text: str) -> str:
    return text.split(" = ")[-1].split(" ")[0]
