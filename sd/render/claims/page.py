"""The page of verdicts as data: a summary table for each checkpoint, then every claim with its parts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from sd.render.claims import __doc__ as rules
from sd.render.claims.claim import Claim
from sd.render.claims.judge import CLAIMS, Case, Judged, judge_facts, read_facts
from sd.render.claims.needed import Needed, needed
from sd.render.claims.published import NOT_PRINTED, Printed, printed_verdicts
from sd.render.table import Table
from sd.render.words import counted
from sd.store.database import Database
from sd.store.pace import paces

HEADERS = [
    *("Claim", "Study", "Test", "n", "Effect [95 %]", "p", "p (Holm)", "Verdict", "Decided by", "Printed numbers alone")
]


@dataclass(frozen=True)
class Section:
    """A claim in full.

    Attributes:
        cases: on each study and checkpoint of which there are facts.
        missing: the line that says what is missing, where there are none.
    """

    claim: Claim
    printed: Printed
    cases: Sequence[tuple[Case, Needed | None]]
    missing: str

    @property
    def parts(self) -> Table:
        """Every part on every study and checkpoint."""
        rows: list[list[Any]] = [
            [case.checkpoint, case.study.title, *_part_row(part)] for case, _ in self.cases for part in case.parts
        ]
        return Table(
            title=f"{self.claim.id}: {self.claim.title}",
            caption="",
            headers=["Checkpoint", "Study", "Part", "n", "Effect [95 %]", "p", "p (Holm)", "Verdict"],
            rows=rows,
        )

    @property
    def notes(self) -> list[str]:
        """What else was found, one line each; the same line once."""
        lines = [
            f"{case.study.title}, {part.finding.part}: {part.finding.note}"
            for case, _ in self.cases
            for part in case.parts
            if part.finding.note
        ]
        return list(dict.fromkeys(lines))


@dataclass(frozen=True)
class Page:
    """Verdicts on all claims."""

    title: str
    rules: list[str]
    summaries: list[Table]
    sections: list[Section]

    @property
    def flat(self) -> Table:
        """Every part as one row of plain values, for CSV and JSON."""
        rows = [
            _flat(section, case, part) for section in self.sections for case, _ in section.cases for part in case.parts
        ]
        return Table(title=self.title, caption="", headers=list(FLAT), rows=rows)


FLAT = (
    *("claim", "title", "checkpoint", "dataset", "protocol", "label_noise", "tau", "teacher_checkpoint", "part"),
    *("decides", "n", "counted", "effect", "low", "high", "unit", "interval", "p", "exact", "smallest_p", "p_holm"),
    *("verdict", "claim_verdict", "printed_verdict"),
)


def claims_page(
    database: Database, checkpoints: Sequence[str], keys: Collection[str] | None = None, *, of: str = ""
) -> Page:
    """The verdicts at these checkpoints.

    Args:
        keys: the cells that are judged; ``None``: all.
        of: what they are, for the title.
    """
    printed = printed_verdicts(database)
    facts = read_facts(database, keys)
    cases = {checkpoint: judge_facts(facts, checkpoint) for checkpoint in checkpoints}
    paces_on = cache(partial(paces, database))
    sections = []
    for claim in CLAIMS:
        own = [case for found in cases.values() for case in found if case.claim is claim]
        sections.append(
            Section(
                claim,
                printed.get(claim.id, NOT_PRINTED),
                [(case, needed(case, database, paces_on)) for case in own],
                "" if own else f"no data: missing; {_command(claim)}",
            )
        )
    return Page(
        title="Verdicts on the paper's claims" + (f": {of}" if of else ""),
        rules=_rules(),
        summaries=[_summary(checkpoint, sections) for checkpoint in checkpoints],
        sections=sections,
    )


def _rules() -> list[str]:
    """The rules, as the package's docstring has them, one an item, without its marks."""
    text = (rules or "").split("Rules, the same for all:")[1].replace("**", "").replace("``", "")
    return [" ".join(item.split()) for item in text.strip().removeprefix("- ").split("\n- ")]


def _command(claim: Claim) -> str:
    wanted = ", ".join(f"{name}: {_plain(value)}" for name, value in claim.asks.items())
    asked = f" with {wanted}" if wanted else ""
    return f"made by cells of a grid{asked}: python -m sd.launch GRID"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(item)}" for key, item in value.items()) + "}"
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value).lower()


def _summary(checkpoint: str, sections: Sequence[Section]) -> Table:
    rows: list[list[Any]] = []
    for section in sections:
        printed = section.printed.verdict + (f" ({section.printed.short})" if section.printed.short else "")
        name = f"{section.claim.id} {section.claim.title}"
        own = [(case, n) for case, n in section.cases if case.checkpoint == checkpoint]
        for case, n in own:
            verdict = case.verdict + (f", n = {_count(case.weakest)}" if case.verdict == "cannot be decided" else "")
            seeds = "" if n is None else f"{n.seeds} seeds" if n.seeds else "no number of seeds"
            rows.append([name, case.study.title, *_part_row(case.weakest)[:-1], verdict, seeds, printed])
            name = printed = ""
        if not own:
            rows.append([name, "—", *[""] * 5, "no data", "", printed])
    return Table(
        title=f"Verdicts at checkpoint {checkpoint}",
        caption="Each line shows the part of the claim on which its verdict rests; printed numbers have no checkpoint.",
        headers=HEADERS,
        rows=rows,
        notes=[
            "* interval by Student's t, Fisher's z or Monte Carlo; others invert the exact test. n counts clusters, "
            "which share no teacher, unless it says what else. Decided by: the number of seeds, all together, at which "
            "the claim is expected to be decided, if effect and spread are those observed."
        ],
    )


def _count(part: Judged) -> str:
    n, noun = part.finding.found.n, part.finding.counted
    return str(n) if noun == "clusters" else counted(n, noun.removesuffix("s"))


def _part_row(part: Judged) -> list[Any]:
    finding = part.finding
    text: str = part.verdict if finding.decides else ""
    if text == "cannot be decided":
        text = f"cannot be decided with n = {_count(part)}: the smallest p is {_p(finding.found.smallest_p)}"
        text += f", {_p(part.best)} adjusted" if finding.found.smallest_p < part.best else ""
    adjusted = _p(part.adjusted) if finding.decides else ""
    return [finding.part, _count(part), finding.effect, _p(finding.found.p), adjusted, text]


def _p(value: float) -> str:
    """``.0625``, ``<.0001``; without the zero, as papers write it."""
    if value < 0.0001:
        return "<.0001"
    return "1" if value > 0.99995 else f"{value:.3g}".removeprefix("0")


def _flat(section: Section, case: Case, part: Judged) -> list[Any]:
    finding, study, interval = part.finding, case.study, part.finding.found.interval
    found = finding.found
    ends = [interval.low, interval.high] if interval and interval.high < float("inf") else [None, None]
    return [
        *(section.claim.id, section.claim.title, case.checkpoint, study.dataset, study.protocol or "paper"),
        *(study.label_noise, study.tau, study.teacher_checkpoint, finding.part, finding.decides, found.n),
        *(finding.counted, found.effect, *ends, finding.unit.name, interval.method if interval else None, found.p),
        *(found.exact, found.smallest_p, part.adjusted if finding.decides else None),
        *(part.verdict if finding.decides else None, case.verdict, section.printed.verdict),
    ]
