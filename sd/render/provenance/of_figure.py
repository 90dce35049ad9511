"""A figure: the cells that it shows of what the database holds, and the query that finds its numbers."""

from sd import BadInput, resource
from sd.plan.artefacts import artefact
from sd.render.address import at_checkpoint
from sd.render.figures.catalogue import FIGURES
from sd.render.figures.selection import Selection, select
from sd.render.provenance.answer import Answer, Query
from sd.render.provenance.run import Facts, Wanted
from sd.render.provenance.selected import Index


def figure_selection(text: str, rest: str, checkpoint: str, index: Index) -> Selection | None:
    """What a figure shows: ``4``, or ``4:digits`` for a study; ``None`` where there is nothing for it.

    Raises:
        BadInput: there is no such figure or study.
    """
    number, _, study = rest.partition(":")
    number = number.strip()
    if not number.isdecimal() or int(number) not in FIGURES:
        raise BadInput(f"{text!r}: {number!r} is not a figure; give figure:1 to figure:{max(FIGURES)}")
    entry = FIGURES[int(number)]
    if not entry.query or not resource("sql", "figures", f"{entry.query}.sql").exists():
        return None
    return select(entry, index.database, checkpoint=checkpoint, split="train", study=study or None, keys=None)


def figure_answer(rest: str, checkpoint: str, selection: Selection | None, facts: Facts) -> Answer:
    """What stands behind a figure."""
    number = int(rest.partition(":")[0])
    entry, it = FIGURES[number], artefact("Figure", str(number))
    keys = keys_of(selection)
    measures = sorted(
        {(row["split"], row["measure_key"]) for row in selection.rows if row.get("measure_key")} if selection else ()
    )
    lines = (
        [f"{panel.subject.name}: {len({row['key'] for row in panel.rows})} cells" for panel in selection.panels]
        if selection
        else []
    )
    lines += [f"measured on {split} images as {key}" for split, key in measures]
    if selection and not selection.own:
        lines.insert(0, f"another study than the paper's, which shows {entry.papers}")
    queries = []
    if entry.query and resource("sql", "figures", f"{entry.query}.sql").exists():
        file = resource("sql", "figures", f"{entry.query}.sql").read_text().strip()
        queries.append(Query("its numbers", f"WITH chosen AS (SELECT * FROM {entry.source})\n{file}"))
    command = f"python -m sd.report --missing --figure {number}"
    return Answer(
        address=at_checkpoint(f"figure:{rest}", checkpoint),
        title=f"Figure {number}: {entry.title}, checkpoint {checkpoint}",
        runs=facts.runs(Wanted(tuple(keys), checkpoint)),
        queries=queries,
        lines=lines if it.grid else ["it is drawn, and shows no run"],
        missing=(f"nothing for it is in the database; {command} says what lacks and the command that makes it",)
        if it.grid and not keys
        else (),
    )


def keys_of(selection: Selection | None) -> list[str]:
    """The cells that a figure shows."""
    return list(dict.fromkeys(row["key"] for row in selection.rows if row["key"])) if selection else []
