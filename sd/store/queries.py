"""Questions that people ask of the database: the named queries of ``sql/queries``, and every table and view by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sd import BadInput, resource
from sd.store.database import Database
from sd.store.schema import Base
from sd.store.shipped import view_definitions


@dataclass(frozen=True)
class Parameter:
    """What a query asks back: its name, what it is if nobody says (``None``: it must be said), and what it means."""

    name: str
    default: str | None
    meaning: str


@dataclass(frozen=True)
class Query:
    """A question with its SELECT.

    Attributes:
        question: one line.
        row: what a row of the answer is, a sentence.
        parameters: stand as ``:NAME`` in the SELECT.
        sql: the SELECT without its comments.
    """

    name: str
    question: str
    row: str
    parameters: tuple[Parameter, ...]
    sql: str

    @property
    def told_parameters(self) -> str:
        """``checkpoint=best_test, cell=…``."""
        shown = {
            parameter.name: "…" if parameter.default is None else parameter.default for parameter in self.parameters
        }
        return ", ".join(f"{name}={default}" for name, default in shown.items())


@cache
def queries() -> dict[str, Query]:
    """Every query of ``sql/queries`` by name."""
    return {path.stem: _read(path) for path in sorted(resource("sql", "queries").glob("*.sql"))}


def relations() -> list[str]:
    """The tables and views, which can be asked for by name as well."""
    return [*Base.metadata.tables, *view_definitions()]


def ask(
    database: Database, name: str, given: Mapping[str, str] | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a named query, or of a table or view.

    Args:
        given: the query's parameters, by name.

    Raises:
        BadInput: there is no such query, table or view; or a parameter is unknown, or was not given and has no default.
    """
    given = dict(given or {})
    query = queries().get(name)
    if query is None:
        if name not in relations():
            known = ", ".join(queries())
            raise BadInput(
                f"{name!r} is no query, table or view; queries: {known}; the others: {', '.join(relations())}"
            )
        query = Query(name, "", "", (), f'SELECT * FROM "{name}"')
    return database.answer(query.sql, _complete(query, given))


def listed() -> tuple[list[str], list[tuple[Any, ...]]]:
    """The named queries as a table: name, question, and parameters with their defaults."""
    return ["query", "question", "parameters"], [(q.name, q.question, q.told_parameters) for q in queries().values()]


def _complete(query: Query, given: dict[str, str]) -> dict[str, str]:
    """Each parameter of a query as it was given, or its default."""
    known = {parameter.name: parameter for parameter in query.parameters}
    for name in given:
        if name not in known:
            names = ", ".join(known) or "none"
            raise BadInput(f"--param: {query.name} has no parameter {name!r}; it has: {names}")
    for name, parameter in known.items():
        if name not in given and parameter.default is None:
            raise BadInput(f"--param: {query.name} needs {name}, {parameter.meaning}: --param {name}=…")
    return {name: given.get(name, parameter.default or "") for name, parameter in known.items()}


_PARAMETER = re.compile(r":(\w+)(?: = (.*?))? -- (.*)")


def _read(path: Path) -> Query:
    """A query from its file: its question, its parameters, and what a row is stand in comments above the SELECT."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    parameters = [
        Parameter(match[1], "" if match[2] == "''" else match[2], match[3])
        for line in comments
        if (match := _PARAMETER.fullmatch(line))
    ]
    row = " ".join(line for line in comments[1:] if not line.startswith(":"))
    sql = "\n".join(line for line in lines if not line.startswith("--"))
    return Query(path.stem, comments[0], row, tuple(parameters), sql)
