"""The page of verdicts as text: Markdown, LaTeX, HTML, CSV of every part, JSON of everything."""

import json
from typing import Any

from rich.console import Console

from sd import BadInput
from sd.plan.catalogue import nearest
from sd.render.claims.page import FLAT, Page, Section
from sd.render.formats import FORMATS, draw_tables, drawing, drawn, rendered

CLAIM_FORMATS = (*FORMATS, "json")


def write_claims(page: Page, format_: str) -> str:
    """The page in one of :data:`CLAIM_FORMATS`. Raises ``BadInput`` for any other."""
    if format_ not in CLAIM_FORMATS:
        raise BadInput(f"--format: {format_!r} is not a format; {nearest(format_, CLAIM_FORMATS)}")
    if format_ == "terminal":
        return drawing(lambda console: draw_claims(page, console))
    if format_ == "json":
        return rendered("claims.json.jinja", json=json.dumps(_data(page), ensure_ascii=False, indent=1))
    return rendered(f"claims.{format_}.jinja", page=page)


def draw_claims(page: Page, console: Console) -> None:
    """Draw the page for someone at a terminal."""
    draw_tables(page.summaries, console)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for rule in page.rules:
        say(f"- {rule}")
    for section in page.sections:
        claim, printed = section.claim, section.printed
        say(f"\n{claim.id}: {claim.title}")
        say(f"{claim.where}: {claim.quote}" if claim.quote else claim.where)
        say(f"Test: {claim.test}.")
        say(f"Printed numbers alone: {printed.verdict}{f' ({printed.short})' if printed.short else ''}.")
        for line in printed.evidence:
            say(f"- {line}")
        if section.missing:
            say(section.missing)
            continue
        console.print(drawn(section.parts), markup=False)
        say(f"The facts that were tested, and the runs behind them: python -m sd.report --why claim:{claim.id}")
        for line in section.notes:
            say(line)
        for case, n in section.cases:
            if n:
                say(
                    "\n".join(
                        [f"{case.study.title}, {case.checkpoint}: {n.words}", *n.lines, *([n.cost] if n.cost else [])]
                    )
                )


def _data(page: Page) -> dict[str, Any]:
    return {"title": page.title, "rules": page.rules, "claims": [_claim(page, section) for section in page.sections]}


def _claim(page: Page, section: Section) -> dict[str, Any]:
    claim, printed = section.claim, section.printed
    parts = [dict(zip(FLAT, row, strict=True)) for row in page.flat.rows if row[0] == claim.id]
    return {
        **{name: getattr(claim, name) for name in ("id", "title", "quote", "where", "test", "family")},
        "query": f"sql/claims/{claim.query}.sql",
        "why": f"python -m sd.report --why claim:{claim.id}",
        "printed": {"verdict": printed.verdict, "short": printed.short, "evidence": list(printed.evidence)},
        "missing": section.missing,
        "parts": parts,
        "needed": [
            {"study": case.study.title, "checkpoint": case.checkpoint, "words": n.words, "grid": list(n.lines)}
            | {"cost": n.cost}
            for case, n in section.cases
            if n
        ],
    }
