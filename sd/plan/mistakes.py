"""Mistakes in a YAML file of ours: one line each, with file, line number, value, and what would be right."""

from collections.abc import Callable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sd.plan.catalogue import nearest
from sd.plan.document import Document, Place, one_line

_LONGEST = 1_000
"""Letters of a mistake that are printed."""

Mistake = tuple[int, str]
"""The number of a line, and what is wrong there."""


def validation_mistakes(
    document: Document,
    error: ValidationError,
    at: Place,
    fields_at: Callable[[list[str]], list[str]],
    places: dict[str, Place] | None = None,
) -> list[Mistake]:
    """One mistake for each thing that pydantic found wrong with the part of the document at ``at``.

    Args:
        fields_at: the keys that may stand where an unknown one was found (the path to it is given).
        places: where the top-level keys of that part stand, if it was put together from several places.
    """
    found = []
    for detail in error.errors(include_url=False):
        where = detail["loc"]
        place = (places or {}).get(str(where[0]), (*at, where[0])) if where else at
        line = document.line((*place, *where[1:]))
        found.append((line, _sentence(detail, fields_at)))
    return found


def report(document: Document, mistakes: list[Mistake]) -> str:
    """The mistakes as text: one line each, each once, in the order of lines."""
    return "\n".join(f"{document.path}:{line}: {shortened(text)}" for line, text in sorted(set(mistakes)))


def shortened(text: str) -> str:
    """A mistake as it is printed: a value that fills a screen is cut in its middle."""
    plain = one_line(text)
    half = _LONGEST // 2
    return plain if len(plain) <= _LONGEST else f"{plain[:half]} … {plain[-half:]}"


def _sentence(detail: ErrorDetails, fields_at: Callable[[list[str]], list[str]]) -> str:
    where = [part for part in detail["loc"] if isinstance(part, str) and part != "[key]"]
    name = ".".join(where)
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return f"{name}: is not a known key; {nearest(where[-1], fields_at(where))}"
    if kind == "missing":
        return f"{name}: is missing; add {name}: … here or under defaults"
    if kind in {"too_short", "string_too_short"} and value in ([], ""):
        return f"{name}: is empty; give at least one value"
    if kind in {"needs", "twice"}:
        return f"{name}: {detail['msg']}" if name else detail["msg"]
    text = detail["msg"].replace("Input should be", "should be").replace("String should", "should")
    if kind == "tuple_type":
        text = "should be a list" if isinstance(value, dict) else f"should be a list: [{value}]"
    if kind == "model_type":
        text = "should be a mapping of its settings"
    return f"{name}: {value!r} {text}" if name else f"{text}"
