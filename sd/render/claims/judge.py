"""From facts to verdicts: every claim on every study at one checkpoint, with Holm's adjustment."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sd.render.claims import accuracy, curvature, ensembles, robustness
from sd.render.claims.claim import Claim
from sd.render.claims.finding import Finding
from sd.render.claims.study import Row, Study, study_of
from sd.render.statistics import holm
from sd.store.database import Database

LEVEL = 0.05

CLAIMS: tuple[Claim, ...] = (
    *(accuracy.C0, accuracy.C1, accuracy.C2, ensembles.C3, ensembles.C4, ensembles.C5, curvature.C6, curvature.C6B),
    *(curvature.C7, curvature.C8, robustness.C9, robustness.C10, curvature.C11, curvature.C12, curvature.C13),
    *(curvature.C14, accuracy.C15, accuracy.C16),
)

Verdict = Literal["supported", "contradicted", "undecided", "cannot be decided"]


@dataclass(frozen=True)
class Judged:
    """A finding with its adjusted p.

    Attributes:
        adjusted: by Holm over the deciding parts of the family; the plain p of a part that decides nothing.
        best: the adjusted p if every part of the family had the smallest p that data of its size can give.
    """

    finding: Finding
    adjusted: float
    best: float

    @property
    def verdict(self) -> Verdict:
        if self.adjusted < LEVEL:
            return "supported" if self.finding.supports else "contradicted"
        return "cannot be decided" if self.best >= LEVEL else "undecided"


@dataclass(frozen=True)
class Case:
    """A claim on one study at one checkpoint.

    Attributes:
        rows: the claim's facts, as its query found them.
        tests: how many parts Holm's adjustment counted.
    """

    claim: Claim
    study: Study
    checkpoint: str
    rows: Sequence[Row]
    parts: Sequence[Judged]
    tests: int

    @property
    def deciding(self) -> list[Judged]:
        return [part for part in self.parts if part.finding.decides]

    @property
    def verdict(self) -> Verdict:
        """Contradicted if one deciding part is, supported if all are."""
        verdicts = {part.verdict for part in self.deciding}
        for found in ("contradicted", "cannot be decided", "undecided"):
            if found in verdicts:
                return found
        return "supported"

    @property
    def weakest(self) -> Judged:
        """The deciding part on which the verdict rests: the first of that verdict, of supported ones the least sure."""
        if self.verdict == "supported":
            return max(self.deciding, key=lambda part: part.adjusted)
        return next(part for part in self.deciding if part.verdict == self.verdict)

    @property
    def measure_keys(self) -> list[str]:
        return sorted({row["measure_key"] for row in self.rows if "measure_key" in row})


def judge(database: Database, checkpoint: str, keys: Collection[str] | None = None) -> list[Case]:
    """Every claim of which there are facts, on every study that has them, in the order of the claims.

    Args:
        checkpoint: ``best_test``, ``best_val`` or ``last``.
        keys: the cells to look at; ``None``: all.
    """
    return judge_facts(read_facts(database, keys), checkpoint)


Facts = Mapping[str, Sequence[Row]]
"""The facts of each claim, by its name."""


def read_facts(database: Database, keys: Collection[str] | None = None) -> Facts:
    """The facts of every claim, at all checkpoints."""
    return {claim.id: claim_rows(claim, database, keys) for claim in CLAIMS}


def judge_facts(facts: Facts, checkpoint: str) -> list[Case]:
    """As :func:`judge`, from facts that were read before."""
    found: list[tuple[Claim, Study, Sequence[Row], list[Finding]]] = []
    for claim in CLAIMS:
        for study, rows in _by_study(facts[claim.id], checkpoint).items():
            chosen = _one_measure(rows)
            findings = findings_of(claim, chosen)
            if any(finding.decides for finding in findings):
                found.append((claim, study, chosen, findings))
    families: dict[tuple[str, Study], list[Finding]] = {}
    for claim, study, _, findings in found:
        families.setdefault((claim.family, study), []).extend(f for f in findings if f.decides)
    adjusted = {family: _adjusted(findings) for family, findings in families.items()}
    return [
        Case(
            claim,
            study,
            checkpoint,
            rows,
            [adjusted[claim.family, study].get(id(f)) or Judged(f, f.found.p, f.found.smallest_p) for f in findings],
            len(families[claim.family, study]),
        )
        for claim, study, rows, findings in found
    ]


def claim_rows(claim: Claim, database: Database, keys: Collection[str] | None) -> list[Row]:
    """The facts of a claim, at all checkpoints; none where the database has not the tables for them."""
    if not all(database.has(table) for table in claim.tables):
        return []
    rows = database.named(claim.query, source=claim.source, keys=keys, folder="claims")
    return list(claim.prepare([*rows], database))


def findings_of(claim: Claim, rows: Sequence[Row]) -> list[Finding]:
    """What each part of a claim finds in the rows of one study and checkpoint, for each split that they are of."""
    found = []
    splits = sorted({row["split"] for row in rows if "split" in row}, key=("train", "test").index)
    for part in claim.parts:
        for split in splits or [None]:
            finding = part.find([row for row in rows if split is None or row["split"] == split])
            if finding:
                found.append(replace(finding, part=f"{finding.part} ({split} images)") if split else finding)
    return found


def _by_study(rows: Sequence[Row], checkpoint: str) -> Mapping[Study, list[Row]]:
    studies: dict[Study, list[Row]] = {}
    for row in rows:
        if row.get("checkpoint", checkpoint) == checkpoint:
            studies.setdefault(study_of(row), []).append(row)
    return dict(sorted(studies.items(), key=lambda item: (item[0].protocol, str(item[0]))))


def _one_measure(rows: Sequence[Row]) -> list[Row]:
    """Of facts that were measured in several ways, those of the way in which most were: each model counts once."""
    kept: list[Row] = [row for row in rows if "measure_key" not in row]
    for split in sorted({row["split"] for row in rows if "measure_key" in row}):
        ways: dict[str, list[Row]] = {}
        for row in rows:
            if row["split"] == split:
                ways.setdefault(row["measure_key"], []).append(row)
        kept += ways[max(ways, key=lambda way: (len(ways[way]), way))]
    return kept


def _adjusted(findings: Sequence[Finding]) -> dict[int, Judged]:
    adjusted = holm([finding.found.p for finding in findings])
    best = holm([finding.found.smallest_p for finding in findings])
    return {id(f): Judged(f, a, b) for f, a, b in zip(findings, adjusted, best, strict=True)}
