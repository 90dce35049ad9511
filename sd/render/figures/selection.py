"""Which cells a figure shows: the paper's own where there are any, what a user picks, else the nearest study."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sd import BadInput
from sd.render.claims.study import Row, Study
from sd.render.figures.catalogue import Entry
from sd.render.figures.subject import Subject, subject_of
from sd.store.database import Database

# So many rows of panels are one figure.
MOST = 4

# So many studies are named in a message.
_NAMED = 6


@dataclass(frozen=True)
class Shown:
    """A row of panels: the subject and the rows of the query that are about it.

    Attributes:
        alpha: the one that is shown, where the figure shows one.
    """

    subject: Subject
    rows: Sequence[Row] = ()
    alpha: float | None = None

    def only(self, rows: Sequence[Row]) -> "Shown":
        """The same with these rows."""
        return replace(self, rows=rows)

    def values(self, column: str, **where: Any) -> list[float]:
        """A column of the rows that are as ``where`` says, without NULL."""
        chosen = (row for row in self.rows if all(row[name] == value for name, value in where.items()))
        return [row[column] for row in chosen if row[column] is not None]

    @property
    def alphas(self) -> list[float]:
        """The α of its students."""
        return sorted({row["alpha"] for row in self.rows if row["alpha"] is not None})

    @property
    def models(self) -> list[str]:
        """T, R1, R2 …, and then the others."""
        return sorted({row["model"] for row in self.rows}, key=model_order)


@dataclass(frozen=True)
class Selection:
    """What a figure shows.

    Attributes:
        picked: whether a user asked for these.
        own: whether they are the paper's own.
        beside: rows of the query that belong to no cell.
    """

    entry: Entry
    checkpoint: str
    split: str
    panels: Sequence[Shown]
    picked: bool
    own: bool
    beside: Sequence[Row] = field(default=())

    @property
    def rows(self) -> list[Row]:
        """All rows, each once."""
        found: dict[int, Row] = {id(row): row for panel in self.panels for row in panel.rows}
        return [*found.values(), *self.beside]


def model_order(model: str) -> tuple[int, int, str]:
    """T, R1, R2 …, SAM, and then by name."""
    number = int(model[1:]) if model[:1] == "R" and model[1:].isdigit() else 0
    return (0 if model == "T" else 1 if number else 2 if model == "SAM" else 3, number, model)


def select(
    entry: Entry,
    database: Database,
    *,
    checkpoint: str,
    split: str,
    study: str | None,
    keys: Collection[str] | None,
) -> Selection | None:
    """What the figure shows; ``None`` if the database has nothing for it.

    Args:
        study: words that the studies' names contain.
        keys: the cells to choose from; ``None``: all.

    Raises:
        BadInput: no study has these words, or more are meant than a figure can show.
    """
    there = _subjects(entry, _candidates(entry, database, checkpoint), keys)
    if not there:
        return None
    picked = keys is not None or study is not None
    own = [subject for subject in there if is_own(entry, subject)]
    chosen = _picked(there, study) if picked else own or _nearest(entry, there)
    chosen = sorted(chosen, key=lambda subject: _place(entry, subject))
    wanted = {key for subject in chosen for key in there[subject]}
    found = database.named(entry.query, source=entry.source, keys=wanted, folder="figures")
    rows: list[Row] = sorted((row for row in found if row["checkpoint"] in (checkpoint, None)), key=_row_order)
    panels = [
        _shown(entry, subject, [row for row in rows if row["key"] in there[subject]], split) for subject in chosen
    ]
    panels = [panel for panel in panels if any(entry.needs(row["model"]) for row in panel.rows)]
    if not panels:  # all of it was measured of checkpoints that were trained anew since
        return None
    return Selection(
        entry,
        checkpoint,
        split,
        panels,
        picked=picked,
        own=all(is_own(entry, subject) for subject in chosen),
        beside=[row for row in rows if row["key"] is None],
    )


def has_data(entry: Entry, database: Database, *, checkpoint: str, keys: Collection[str] | None) -> bool:
    """Whether there is anything for the figure at this checkpoint."""
    return bool(_subjects(entry, _candidates(entry, database, checkpoint), keys))


def is_own(entry: Entry, subject: Subject) -> bool:
    """Whether the paper's figure is about it."""
    return subject.study == entry.study and (subject.arch, subject.aug) in entry.shown


def _candidates(entry: Entry, database: Database, checkpoint: str) -> list[Row]:
    """The models that have what the figure shows, at this checkpoint."""
    if entry.table and not database.has(entry.table):
        return []
    measured = (
        f" AND EXISTS (SELECT 1 FROM {entry.table} f WHERE f.cell_key = o.key AND f.checkpoint = o.checkpoint"
        f"{' AND ' if entry.having else ''}{entry.having})"
        if entry.table
        else ""
    )
    return [
        *database.rows(
            "SELECT o.key, o.dataset, o.label_noise, o.protocol, o.arch, o.aug, o.tau, o.teacher_checkpoint, o.alpha,"
            f" o.model FROM outcomes o WHERE o.checkpoint = :checkpoint{measured}",
            checkpoint=checkpoint,
        )
    ]


def _subjects(entry: Entry, rows: Sequence[Row], keys: Collection[str] | None) -> Mapping[Subject, set[str]]:
    """The subjects that have what the figure needs, and their cells; what has no teacher is every α's and τ's."""
    wanted = None if keys is None else set(keys)
    cells: dict[Subject, set[str]] = {}
    shared: dict[Subject, set[str]] = {}
    complete: set[Subject] = set()
    for row in rows:
        if entry.concerns(row["model"]) and (wanted is None or row["key"] in wanted):
            subject = subject_of(row)
            cells.setdefault(subject, set()).add(row["key"])
            if row["alpha"] is None:
                shared.setdefault(subject, set()).add(row["key"])
            if entry.needs(row["model"]):
                complete.add(subject)
    return {subject: cells[subject] | shared.get(_plain(subject), set()) for subject in sorted(complete, key=_by_name)}


def _plain(subject: Subject) -> Subject:
    """Where those stand who were taught by nobody."""
    return replace(subject, study=replace(subject.study, tau=None, teacher_checkpoint=None))


def _picked(there: Mapping[Subject, set[str]], words: str | None) -> list[Subject]:
    """The subjects that a user means; all of them without words."""
    names = [subject.name for subject in there]
    exact = [subject for subject in there if words is not None and subject.name.casefold() == words.casefold()]
    found = exact or [subject for subject in there if words is None or subject.has(words)]
    if not found:
        raise BadInput(f"--study: no study with data for this figure is named {words!r}; there are: {_list(names)}")
    if len(found) > MOST:
        several = _list([subject.name for subject in found])
        raise BadInput(
            f"--study: {len(found)} studies have data for this figure, it shows up to {MOST} at once; "
            f"give words that single some out: {several}"
        )
    return found


def _list(names: Sequence[str]) -> str:
    more = f"; and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return "; ".join(f"“{name}”" for name in names[:_NAMED]) + more


def _nearest(entry: Entry, there: Mapping[Subject, set[str]]) -> list[Subject]:
    """Of the study nearest to the paper's (the same data set, then the most models) its two largest subjects."""

    def near(study: Study) -> tuple[bool, int, bool]:
        models = sum(len(cells) for subject, cells in there.items() if subject.study == study)
        return study.dataset == entry.study.dataset, models, not study.label_noise

    studies = list(dict.fromkeys(subject.study for subject in there))
    study = max(studies, key=near)
    own = [subject for subject in there if subject.study == study]
    return sorted(own, key=lambda subject: -len(there[subject]))[: max(1, min(2, len(entry.shown)))]


def _place(entry: Entry, subject: Subject) -> tuple[Any, ...]:
    """The paper's order, then by name."""
    place = (subject.arch, subject.aug)
    return (entry.shown.index(place) if place in entry.shown else len(entry.shown), *_by_name(subject))


def _by_name(subject: Subject) -> tuple[Any, ...]:
    study = subject.study
    taught = (str(study.tau), str(study.teacher_checkpoint))
    return (study.dataset, study.protocol, study.label_noise, *taught, subject.arch, subject.aug)


def _row_order(row: Row) -> tuple[Any, ...]:
    alpha = -1.0 if row["alpha"] is None else row["alpha"]
    rest = tuple((value is not None, str(value)) for value in row.values())
    return (row["key"] is None, model_order(row["model"] or ""), alpha, row["seed"] or 0, rest)


def _shown(entry: Entry, subject: Subject, rows: Sequence[Row], split: str) -> Shown:
    """The rows of one subject, measured in one way, and of one α where the figure shows one."""
    kept = _one_measure(entry, rows, split)
    alphas = [row["alpha"] for row in kept if row["alpha"] is not None]
    if entry.alpha is None or not alphas:
        return Shown(subject, kept)
    wanted = entry.alpha
    alpha = max(set(alphas), key=lambda value: (value == wanted, alphas.count(value), -abs(value - wanted)))
    return Shown(subject, [row for row in kept if row["alpha"] in (None, alpha)], alpha)


def _one_measure(entry: Entry, rows: Sequence[Row], split: str) -> list[Row]:
    """Rows of one split (the one asked for, if there are any) and of one way to measure."""
    if not rows or "measure_key" not in rows[0]:
        return list(rows)
    splits = {row["split"] for row in rows}
    own = [row for row in rows if row["split"] == (split if split in splits else min(splits))]
    ways: dict[str, list[Row]] = {}
    for row in own:
        ways.setdefault(row["measure_key"], []).append(row)

    def better(way: str) -> tuple[Any, ...]:
        """Many models for curves; of spectra and surfaces, many numbers of each model."""
        models = len({row["key"] for row in ways[way]})
        each = len(ways[way]) / models
        images = ways[way][0]["n_samples"]
        return (images, each, models, way) if entry.fine else (models, images, way)

    return ways[max(ways, key=better)]
