"""How an answer is written: Markdown, JSON, or a page of HTML."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sd import BadInput
from sd.plan.catalogue import nearest
from sd.render.formats import rendered
from sd.render.provenance.answer import Answer
from sd.render.provenance.run import Run

FORMATS = ("md", "json", "html")


@dataclass(frozen=True)
class Made:
    """With what code and libraries some runs were made."""

    code: str
    libraries: str
    runs: Sequence[Run]


def write_answer(answer: Answer, format_: str) -> str:
    """An answer in one of :data:`FORMATS`. Raises ``BadInput`` for any other."""
    if format_ not in FORMATS:
        raise BadInput(f"--format: {format_!r} is not a format of --why; {nearest(format_, FORMATS)}")
    if format_ == "json":
        return json.dumps(as_json(answer), indent=1, ensure_ascii=False) + "\n"
    return rendered(f"why.{format_}.jinja", answer=answer, made=made_with(answer.runs))


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer as plain values."""
    metric = {"metric": answer.metric.name, "unit": answer.metric.unit.strip()} if answer.metric else {}
    own = {"value": answer.value, "text": answer.text, "difference": answer.difference}
    return {"address": answer.address, "title": answer.title, **metric, **own} | {
        name: value for name, value in asdict(answer).items() if name not in {"address", "title", "metric"}
    }


def made_with(runs: Sequence[Run]) -> list[Made]:
    """The code and the libraries behind the values, and which runs were made with them."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        attempt = run.finder
        if attempt:
            state = {True: "clean", False: "with uncommitted changes", None: "outside of a checkout"}
            code = f"{attempt.code_version} ({state[attempt.code_clean]})"
            libraries = ", ".join(f"{name} {version}" for name, version in attempt.versions.items())
            groups.setdefault((code, libraries), []).append(run)
    return [Made(code, libraries, own) for (code, libraries), own in groups.items()]
