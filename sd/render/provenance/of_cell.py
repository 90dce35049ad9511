"""One cell by its key: who it is, who taught it and whom it teaches, and every value that was found of it."""

from difflib import get_close_matches

from sd import BadInput
from sd.plan.artefacts import ARTEFACTS, grid_plan
from sd.render.address import at_checkpoint
from sd.render.provenance.answer import Answer, Query
from sd.render.provenance.run import Facts, Wanted
from sd.render.provenance.selected import Index
from sd.store.database import Database


def cell_answer(text: str, key: str, checkpoint: str, index: Index, facts: Facts) -> Answer:
    """What stands behind a cell. Raises ``BadInput`` where the database does not know it."""
    row = index.cells.get(key)
    planned = grid_plan("paper").steps.get(key)
    if row is None and planned:
        it = next(it for it in ARTEFACTS if key in {step.cell.key for step in it.steps()})
        fill = f"python -m sd.launch {it.path} --partition gpu"
        return Answer(key, planned.cell.label, (), (), missing=(f"it is planned for {it.name}; fill it with: {fill}",))
    if row is None:
        near = get_close_matches(key, index.cells, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]}, {index.cells[near[0]]['label']}?" if near else ""
        raise BadInput(f"{text!r}: no cell of that key is in the database{hint}")
    return Answer(
        address=at_checkpoint(key, checkpoint),
        title=row["label"],
        runs=facts.runs(Wanted((key,), checkpoint)),
        queries=[
            Query("the cell", f"SELECT * FROM cells WHERE key = '{key}'"),
            Query("its scores", f"SELECT * FROM evaluations WHERE cell_key = '{key}'"),
            Query("its curvature", f"SELECT * FROM curvature WHERE cell_key = '{key}'"),
        ],
        lines=[
            f"protocol {row['protocol']}, setting {row['setting']}: the same hash without the seed",
            *_values(index.database, key),
            *_family(index, key),
        ],
    )


def _values(database: Database, key: str) -> list[str]:
    scores = database.rows(
        "SELECT checkpoint, split, top1, loss, n_samples FROM evaluations WHERE cell_key = :key"
        " ORDER BY checkpoint, split",
        key=key,
    )
    found = [
        f"{row['checkpoint']} on {row['split']}: accuracy {row['top1']:.10g} %, loss {row['loss']:.6g}, "
        f"{row['n_samples']:,} images"
        for row in scores
    ]
    curvature = database.rows(
        "SELECT measure_key, checkpoint, split, trace, trace_stderr, lambda_max FROM curvature WHERE cell_key = :key"
        " ORDER BY checkpoint, split, measure_key",
        key=key,
    )
    found += [
        f"{row['checkpoint']}, curvature {row['measure_key']} on {row['split']}: trace {row['trace']:.6g} ± "
        f"{row['trace_stderr']:.2g} (s.e.), λmax {row['lambda_max']:.6g}"
        for row in curvature
    ]
    return found


def _family(index: Index, key: str) -> list[str]:
    related = index.database.rows(
        "SELECT 'teaches' AS what, key FROM cells WHERE teacher_key = :key"
        " UNION ALL SELECT 'is a member of', cell_key FROM members WHERE member_key = :key"
        " UNION ALL SELECT 'has for a member', member_key FROM members WHERE cell_key = :key",
        key=key,
    )
    names = {known: row["label"] for known, row in index.cells.items()}
    return [f"{row['what']} {names.get(row['key'], 'a cell that is not here')} ({row['key']})" for row in related]
