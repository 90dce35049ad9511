"""The kinds of tests that a claim's parts are made of; each turns a claim's rows into a finding."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Protocol

import numpy as np

from sd.render import rank_tests, statistics
from sd.render.claims.finding import PER_ALPHA, POINTS, RHO, TAU, TREND, Finding, Unit
from sd.render.claims.study import Row, cell_name, cell_of, cluster_of
from sd.render.drawn_signs import DRAWS
from sd.render.sample_size import (
    blocks_for_any_verdict,
    clusters_for_difference,
    clusters_for_equivalence,
    points_for_correlation,
)
from sd.render.statistics import Clustered, Found

Value = Callable[[Row], float | None]
"""What is tested of a row; ``None`` where the row does not have it."""


class Part(Protocol):
    """One statement of a claim and the test of it."""

    @property
    def name(self) -> str: ...

    def find(self, rows: Sequence[Row]) -> Finding | None:
        """What the rows of one study, checkpoint and split say; ``None`` if they say nothing."""
        ...


@dataclass(frozen=True)
class Difference:
    """The mean over cells is above (``direction`` 1) or below (−1) zero: sign-flip permutation over clusters."""

    name: str
    value: Value
    direction: int
    unit: Unit = POINTS
    decides: bool = True
    only: Callable[[Row], bool] = lambda row: True

    def find(self, rows: Sequence[Row]) -> Finding | None:
        data = _clustered(filter(self.only, rows), self.value)
        return _difference(self, data, _strata(rows)) if data else None


@dataclass(frozen=True)
class Equivalence:
    """The mean is within ``margin`` of zero: two one-sided sign-flip tests.

    It speaks against the claim where the mean is significantly beyond the margin, on either side.
    """

    name: str
    value: Value
    margin: float
    unit: Unit = POINTS
    decides: bool = True

    def find(self, rows: Sequence[Row]) -> Finding | None:
        data = _clustered(rows, self.value)
        if not data:
            return None
        found = statistics.equivalence(data, self.margin)
        beyond = min(1.0, 2 * min(data.above(self.margin), data.below(-self.margin)))
        against = beyond < found.p
        return Finding(
            self.name,
            replace(found, p=beyond) if against else found,
            supports=not against,
            unit=self.unit,
            decides=self.decides,
            needs=partial(clusters_for_equivalence, data.mean, data.spread(), self.margin),
            a_seed_adds=_strata(rows),
        )


@dataclass(frozen=True)
class EveryCell:
    """The mean of every single cell is above (``direction`` 1) or below (−1) zero.

    For it: the largest p of the cells' paired t (all of them must be significant, so none is adjusted). Against it: the
    smallest p of a cell on the other side, times the number of cells. The t takes the differences to be normal; no
    exact test of a single cell could decide with three or five seeds.
    """

    name: str
    value: Value
    direction: int
    unit: Unit = POINTS
    decides: bool = True

    def find(self, rows: Sequence[Row]) -> Finding | None:
        cells: dict[tuple[object, ...], list[float]] = {}
        names = {}
        for row in rows:
            value = self.value(row)
            if value is not None:
                cells.setdefault(cell_of(row), []).append(value)
                names[cell_of(row)] = cell_name(row)
        if not cells:
            return None
        tests = {cell: statistics.paired_t(values) for cell, values in cells.items()}
        worst = min(tests, key=lambda cell: self.direction * tests[cell].effect)
        test = tests[worst]
        against = [found.p for found in tests.values() if self.direction * found.effect < 0]
        p = min(1.0, len(tests) * min(against)) if against else max(found.p for found in tests.values())
        as_claimed = sum(self.direction * found.effect > 0 for found in tests.values())
        seeds = min(map(len, cells.values()))
        found = Found(test.effect, test.interval, p, len(tests), 0.0 if seeds > 1 else 1.0, exact=False)
        spread = float(np.std(cells[worst], ddof=1)) if len(cells[worst]) > 1 else inf
        share = statistics.binomial(as_claimed, len(tests))
        note = f"as claimed in {as_claimed} of {len(tests)} cells (binomial p {share.p:.2g} if they were independent)"
        return Finding(
            self.name,
            found,
            supports=not against,
            unit=self.unit,
            counted="cells",
            decides=self.decides,
            needs=partial(clusters_for_difference, test.effect, spread, exact=False),
            note=f"{note}; the effect is of the cell furthest from the claim, {names[worst]}",
        )


@dataclass(frozen=True)
class Slope:
    """The least-squares slope of ``y`` on ``x`` within a cluster is above or below zero: sign-flip over clusters."""

    name: str
    x: Value
    y: Value
    direction: int
    unit: Unit = PER_ALPHA
    decides: bool = True

    def find(self, rows: Sequence[Row]) -> Finding | None:
        points: dict[Hashable, list[tuple[float, float]]] = {}
        for row in rows:
            x, y = self.x(row), self.y(row)
            if x is not None and y is not None:
                points.setdefault(cluster_of(row), []).append((x, y))
        slopes = {
            cluster: float(np.polyfit([x for x, _ in found], [y for _, y in found], 1)[0])
            for cluster, found in points.items()
            if len({x for x, _ in found}) > 1
        }
        if not slopes:
            return None
        return _difference(self, Clustered(list(slopes.values()), list(slopes)), _strata(rows))


@dataclass(frozen=True)
class Trend:
    """``y`` rises (``direction`` 1) or falls (−1) with ``x`` within a block: exact Kendall, summed over blocks.

    A block is one seed of one cell; blocks of fewer than three points of ``x`` are left out.
    """

    name: str
    x: Value
    y: Value
    direction: int
    block: Callable[[Row], Hashable]
    decides: bool = True

    def find(self, rows: Sequence[Row]) -> Finding | None:
        points: dict[Hashable, dict[float, float]] = {}
        for row in rows:
            x, y = self.x(row), self.y(row)
            if x is not None and y is not None:
                points.setdefault(self.block(row), {})[x] = y
        blocks = [(sorted(block), [block[x] for x in sorted(block)]) for block in points.values() if len(block) > 2]
        if not blocks:
            return None
        found = rank_tests.kendall(blocks)
        return Finding(
            self.name,
            found,
            supports=found.effect * self.direction > 0,
            unit=TAU,
            counted="blocks",
            decides=self.decides,
            needs=partial(blocks_for_any_verdict, found),
            note=f"{len(blocks[0][0])} points a block",
        )


@dataclass(frozen=True)
class Rounds:
    """A quantity falls (−1) or rises (1) with the round: Page's L, exact, a block for each cluster.

    The α of one seed share their first teacher, so they are averaged into one block: as blocks of their own they would
    count one teacher several times.
    """

    name: str
    value: Value
    direction: int
    decides: bool = True

    def find(self, rows: Sequence[Row]) -> Finding | None:
        series: dict[Hashable, dict[int, list[float]]] = {}
        for row in rows:
            value = self.value(row)
            if value is not None:
                series.setdefault(cluster_of(row), {}).setdefault(row["round"], []).append(value)
        blocks = [[float(np.mean(s[r])) for r in (1, 2, 3)] for s in series.values() if {1, 2, 3} <= s.keys()]
        if not blocks:
            return None
        found = rank_tests.page(blocks)
        return Finding(
            self.name,
            found,
            supports=found.effect * self.direction > 0,
            unit=TREND,
            counted="blocks",
            decides=self.decides,
            needs=partial(blocks_for_any_verdict, found),
            a_seed_adds=_strata(rows),
        )


@dataclass(frozen=True)
class Correlation:
    """``x`` and ``y`` go together (1) or against each other (−1) within a stratum: Spearman, Fisher's z combined."""

    name: str
    x: Value
    y: Value
    direction: int
    stratum: Callable[[Row], Hashable]
    decides: bool = True

    def find(self, rows: Sequence[Row]) -> Finding | None:
        strata: dict[Hashable, tuple[list[float], list[float]]] = {}
        for row in rows:
            x, y = self.x(row), self.y(row)
            if x is not None and y is not None:
                for values, value in zip(strata.setdefault(self.stratum(row), ([], [])), (x, y), strict=True):
                    values.append(value)
        found = rank_tests.spearman(list(strata.values()))
        if not found.n:
            return None
        return Finding(
            self.name,
            found,
            supports=found.effect * self.direction > 0,
            unit=RHO,
            counted="models",
            decides=self.decides,
            needs=partial(points_for_correlation, found.effect, len(strata)),
            a_seed_adds=found.n / len({row["seed"] for row in rows}),
        )


@dataclass(frozen=True)
class EveryModel:
    """Every single model lies above (1) or below (−1) zero, each with a p of its own: ``value`` and ``p`` of a row.

    For it: the largest p. Against it: the smallest p of a model on the other side, times the number of models.
    """

    name: str
    value: Value
    p: Value
    direction: int
    decides: bool = True

    def find(self, rows: Sequence[Row]) -> Finding | None:
        models = [(value, self.p(row) or 0.0) for row in rows if (value := self.value(row)) is not None]
        if not models:
            return None
        against = [p for value, p in models if value * self.direction < 0]
        p = min(1.0, len(models) * min(against)) if against else max(p for _, p in models)
        worst = min((value for value, _ in models), key=lambda value: value * self.direction)
        found = Found(worst, None, p, len(models), 0.0, exact=False)
        return Finding(self.name, found, not against, POINTS, counted="models", decides=self.decides)


def _clustered(rows: Iterable[Row], value: Value) -> Clustered | None:
    kept = [(number, row) for row in rows if (number := value(row)) is not None and abs(number) < inf]
    if not kept:
        return None
    numbers, rows = zip(*kept, strict=True)
    return Clustered(numbers, [cluster_of(row) for row in rows], [cell_of(row) for row in rows])


def _difference(part: Difference | Slope, data: Clustered, strata: int) -> Finding:
    found = data.found()
    return Finding(
        part.name,
        found,
        supports=found.effect * part.direction > 0,
        unit=part.unit,
        decides=part.decides,
        needs=partial(clusters_for_difference, found.effect, data.spread()),
        a_seed_adds=strata,
        note="" if data.exact else f"p from {DRAWS:,} drawn sign assignments, not exact",
    )


def _strata(rows: Sequence[Row]) -> int:
    """How many clusters one more seed adds."""
    return max(1, len({cluster_of(row)[:-1] for row in rows}))
