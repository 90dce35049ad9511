"""The rows of a query as text: Markdown for people, CSV and JSON for programs."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from sd import BadInput
from sd.plan.catalogue import nearest
from sd.render.formats import aligned
from sd.render.table import Table

ANSWER_FORMATS = ("md", "csv", "json")


def write_answer(columns: Sequence[str], rows: Sequence[Sequence[Any]], format_: str) -> str:
    """Rows in one of :data:`ANSWER_FORMATS`; Markdown shows six digits, the others all. Raises ``BadInput``."""
    if format_ not in ANSWER_FORMATS:
        raise BadInput(f"--format: {format_!r} is not a format; {nearest(format_, ANSWER_FORMATS)}")
    if format_ == "json":
        told = [dict(zip(columns, row, strict=True)) for row in rows]
        return json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    if format_ == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([columns, *rows])
        return out.getvalue()
    if not rows:
        return f"no rows of {', '.join(columns)}\n"
    table = Table("", "", list(columns), [[_shown(value) for value in row] for row in rows])
    return "\n".join(aligned(table)) + "\n"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
