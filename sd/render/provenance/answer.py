"""The answer to «why this number»: what it is, the formula with its terms, the runs, and the queries that yield it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from sd.render.provenance.metric import Metric
from sd.render.provenance.run import Run
from sd.render.words import signed


@dataclass(frozen=True)
class Query:
    """A query that anyone can put to the database, and what it answers."""

    words: str
    sql: str


@dataclass(frozen=True)
class Printed:
    """What the paper prints in that place."""

    where: str
    value: float
    std: float | None
    note: str | None

    @property
    def text(self) -> str:
        """``97.40 ± 0.06``, as the paper has it."""
        spread = f" ± {self.std:.2f}" if self.std is not None else ""
        return (f"{self.value:.2f}" if round(self.value, 2) == self.value else f"{self.value:g}") + spread


@dataclass(frozen=True)
class Answer:
    """What stands behind an address.

    Attributes:
        address: in the form in which tables have it.
        mean, std, n: of the runs' values; ``std`` is the sample standard deviation (ddof 1), ``None`` for one run.
        printed: what the paper prints there.
        asks_difference: whether the difference to it is what is asked for.
        lines: what else is to be said, one line each.
        formula: how the number comes about, with all terms.
        missing: what is missing of it, and the command that fills it.
    """

    address: str
    title: str
    runs: Sequence[Run]
    queries: Sequence[Query]
    metric: Metric | None = None
    mean: float | None = None
    std: float | None = None
    n: int = 0
    printed: Printed | None = None
    asks_difference: bool = False
    lines: Sequence[str] = ()
    formula: Sequence[str] = ()
    missing: Sequence[str] = ()

    @property
    def difference(self) -> float | None:
        """Ours less the paper's."""
        return _settled(self.mean - self.printed.value) if self.mean is not None and self.printed else None

    @property
    def value(self) -> float | None:
        """The number that was asked for."""
        return self.difference if self.asks_difference else self.mean

    @property
    def text(self) -> str:
        """The number as a table prints it; a dash where there is none."""
        if self.metric is None or self.value is None:
            return "—"
        digits = self.metric.decimals
        spread = f" ± {self.std:.{digits}f}" if self.std is not None and self.metric.spread else ""
        if self.asks_difference or self.metric.signed:
            text = signed(self.value, digits)
            return text if self.asks_difference else f"{text}{spread}"
        return f"{self.value:.{digits}f}{spread}"


def mean_of(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation (ddof 1), to ten digits as tables have them; ``None`` for what so few values
    do not have."""
    if not values:
        return None, None
    mean = fsum(values) / len(values)
    if len(values) == 1:
        return _settled(mean), None
    return _settled(mean), _settled(sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1)))


def _settled(value: float) -> float:
    return float(f"{value:.10g}")


def formula_of(runs: Sequence[Run], mean: float | None, std: float | None, printed: Printed | None) -> list[str]:
    """The mean, the standard deviation and the difference to what is printed, with their terms."""
    if mean is None:
        return []
    values = [run.value for run in runs if run.value is not None]
    n, m = len(values), f"{mean:.10g}"
    lines = [f"mean = ({' + '.join(f'{value:.10g}' for value in values)}) / {n} = {m}"]
    if std is not None:
        squares = " + ".join(f"({value:.10g} − {m})²" for value in values)
        lines.append(f"s = √[({squares}) / ({n} − 1)] = {std:.10g}, the sample standard deviation of n = {n} runs")
    else:
        lines.append("a single run has no standard deviation")
    if printed:
        difference = f"{mean - printed.value:+.4g}".replace("-", "−")
        lines.append(
            f"difference = {m} − {printed.value:g} = {difference}; {printed.value:g} is printed in {printed.where}"
        )
    return lines
