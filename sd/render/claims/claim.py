"""A claim: the paper's words, the test that was fixed beforehand, and where its facts come from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sd.render.claims.part import Part
from sd.render.claims.study import Row
from sd.store.database import Database

Family = Literal["accuracy", "ensembles", "curvature", "robustness"]


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        id: ``C0`` … ``C16``.
        title: in a few words.
        quote: the paper's words; empty where the paper does not claim it.
        where: in the paper.
        test: what is tested, in words.
        query: ``sql/claims/QUERY.sql``, whose rows the parts read.
        source: the view whose rows are its ``chosen``.
        family: within which p is adjusted.
        parts: the statements that are tested.
        asks: what a grid must ask for so that a cell has these facts.
        tables: what the query reads besides the cells.
        prepare: makes the rows ready for the parts, where SQL alone cannot.
    """

    id: str
    title: str
    quote: str
    where: str
    test: str
    query: str
    source: Literal["outcomes", "curvature_outcomes"]
    family: Family
    parts: tuple[Part, ...]
    asks: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    prepare: Callable[[list[Row], Database], Sequence[Row]] = lambda rows, database: rows
