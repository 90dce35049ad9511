"""A claim: its cases with their tests, the facts that were tested, and the cells that these are of."""

from collections.abc import Sequence

from sd import BadInput, resource
from sd.plan.artefacts import CLAIMS as SOURCES
from sd.plan.catalogue import nearest
from sd.render.address import at_checkpoint
from sd.render.claims.judge import CLAIMS, Case, judge
from sd.render.claims.study import Row
from sd.render.provenance.answer import Answer, Query
from sd.render.provenance.run import Facts, Wanted
from sd.render.provenance.selected import Index

# What tells one fact of a claim from another; the rest of a row are its values.
_PLACE = (
    "protocol",
    "dataset",
    "label_noise",
    "tau",
    "teacher_checkpoint",
    "arch",
    "aug",
    "alpha",
    "seed",
    "checkpoint",
)
_BESIDE = ("split", "measure_key", "size", "teachers", "model", "rank", "direction")

# Whose values the columns of a claim's query are, by the first word of their names.
_MODELS = {"teacher": "T", "r1": "R1", "r2": "R2", "r3": "R3", "sam": "SAM", "plain": "T", "augmented": "T"}


def claim_cases(text: str, rest: str, checkpoint: str, index: Index) -> list[Case]:
    """The cases that an address means: ``C1``, or ``C1:digits`` for the studies whose name has these words.

    Raises:
        BadInput: there is no such claim, or no study of that name.
    """
    name, _, words = rest.partition(":")
    known = {claim.id.casefold(): claim for claim in CLAIMS}
    claim = known.get(name.strip().casefold())
    if claim is None:
        raise BadInput(f"{text!r}: {name!r} is not a claim; {nearest(name, [claim.id for claim in CLAIMS])}")
    cases = [case for case in judge(index.database, checkpoint) if case.claim is claim]
    fitting = [case for case in cases if all(word in case.study.title.casefold() for word in words.casefold().split())]
    if cases and not fitting:
        raise BadInput(
            f"{text!r}: no study has {words!r} in its name; {nearest(words, [c.study.title for c in cases])}"
        )
    return fitting


def keys_of(cases: Sequence[Case], index: Index) -> list[str]:
    """The cells whose facts were tested."""
    return list(dict.fromkeys(key for case in cases for row in case.rows for key in _keys(row, index)))


def claim_answer(rest: str, checkpoint: str, cases: Sequence[Case], index: Index, facts: Facts) -> Answer:
    """What stands behind a verdict."""
    name = rest.partition(":")[0].strip().casefold()
    claim = next(claim for claim in CLAIMS if claim.id.casefold() == name)
    lines = [f"the paper: “{claim.quote}” ({claim.where})"] if claim.quote else []
    lines += [f"the test: {claim.test}"]
    lines += [f"verdict on {case.study.title}: {case.verdict}" for case in cases]
    file = resource("sql", "claims", f"{claim.query}.sql").read_text().strip()
    command = f"python -m sd.report --missing --claims; they are made by: {', '.join(SOURCES.get(claim.id, ()))}"
    return Answer(
        address=at_checkpoint(f"claim:{rest}", checkpoint),
        title=f"{claim.id}: {claim.title}, checkpoint {checkpoint}",
        runs=facts.runs(Wanted(tuple(keys_of(cases, index)), checkpoint)),
        queries=[Query("the facts", f"WITH chosen AS (SELECT * FROM {claim.source})\n{file}")],
        lines=lines,
        formula=[line for case in cases for line in _terms(case)],
        missing=() if cases else (f"no facts for it are in the database; what lacks: {command}",),
    )


def _terms(case: Case) -> list[str]:
    """The tests of a case, and the facts that went into them."""
    found = [
        f"{case.study.title}, {part.finding.part}: effect {part.finding.effect}, n = {part.finding.found.n} "
        f"{part.finding.counted}, p = {part.finding.found.p:.4g}"
        + (f", {part.adjusted:.4g} by Holm over {case.tests} parts: {part.verdict}" if part.finding.decides else "")
        for part in case.parts
    ]
    for row in case.rows:
        place = [
            f"{name} {row[name]}" for name in ("arch", "aug", "alpha", "seed", *_BESIDE) if row.get(name) is not None
        ]
        values = [
            f"{name} = {value:.10g}"
            for name, value in row.items()
            if name not in (*_PLACE, *_BESIDE) and isinstance(value, int | float)
        ]
        found.append(f"{', '.join(place)}: {', '.join(values)}")
    return found


def _keys(row: Row, index: Index) -> list[str]:
    """The cells that a fact is of: those of its place whose column of a table it names."""
    if row.get("key"):
        return [row["key"]]
    models = {
        _MODELS[word]
        for name in row
        if name not in _PLACE
        for word in name.removeprefix("best_").removeprefix("last_").split("_")[:1]
        if word in _MODELS
    }
    models |= {row["model"]} if row.get("model") else set()
    models |= {f"R{row['round']}"} if row.get("round") else set()
    models |= {f"BAN{row['size']}", f"E{row['size']}"} if row.get("size") else set()
    if (row.get("teachers") or 1) > 1:
        models = {f"R1(E{row['teachers']})"}
    augs = {row["aug"], "std"} if any(name.startswith("plain_") for name in row) else {row["aug"]}
    place = [(row["arch"], row["dataset"], aug, row["protocol"]) for aug in sorted(augs, key=str)]
    return [
        cell["key"]
        for at in place
        for cell in index.by_place_and_seed.get((at, row["seed"]), ())
        if cell["model"] in models
        and cell["label_noise"] == row["label_noise"]
        and all(cell[name] in (None, row[name]) for name in ("alpha", "tau", "teacher_checkpoint") if name in row)
    ]
