"""The tables of a grid: accuracies in the shape of the paper's Table 2, curvature in the shape of its Table 4."""

from dataclasses import replace
from typing import Any

from sd.plan.measure import Curvature
from sd.plan.schedule import Plan
from sd.render.calibration_table import calibration_tables
from sd.render.fidelity_table import fidelity_tables
from sd.render.layout import (
    cells_in,
    identity,
    identity_headers,
    lay_out,
    model_name,
    model_order,
    model_title,
    models_of,
    place_of,
    previous,
    taught_by,
)
from sd.render.provenance.grid_address import GridAddress
from sd.render.robustness_tables import robustness_tables
from sd.render.table import Entry, Table, arrow
from sd.store.database import Database

CHECKPOINT_NOTES = {
    "best_test": "best_test is the epoch with the highest test accuracy: the paper's rule, which selects on the test "
    "set; --checkpoint last shows the final epoch.",
    "best_val": "best_val is the epoch with the highest accuracy on the part of the training set that the recipe holds "
    "out (val_fraction); recipes that hold out nothing have none.",
    "last": "last is the final epoch; --checkpoint best_test shows the paper's choice, which selects on the test set.",
}


def grid_tables(plan: Plan, database: Database, *, checkpoint: str, fill: str) -> list[Table]:
    """Every table of a plan: accuracy and calibration, and each measure on each split on which it is taken.

    Args:
        checkpoint: ``best_test``, ``best_val`` or ``last``.
        fill: the command that fills what is missing.
    """
    summary = database.named("summary", source="outcomes", keys=plan.steps)
    accuracy = {row["setting"]: row for row in summary if row["checkpoint"] == checkpoint}
    notes = [CHECKPOINT_NOTES[checkpoint]]
    tables = [_accuracy_table(plan, accuracy, checkpoint, fill)]
    measures = {m.key: m for step in plan.steps.values() for m in step.measures if checkpoint in m.checkpoints}
    if measures:
        found = database.named("curvature_summary", source="curvature_outcomes", keys=plan.steps)
        for measure in (measure for measure in measures.values() if isinstance(measure, Curvature)):
            for split in measure.splits:
                rows = {
                    row["setting"]: row
                    for row in found
                    if (row["measure_key"], row["split"], row["checkpoint"]) == (measure.key, split, checkpoint)
                }
                tables.append(_curvature_table(plan, accuracy, rows, measure, split, checkpoint, fill))
    tables += fidelity_tables(plan, database, checkpoint=checkpoint, notes=notes, fill=fill)
    tables += robustness_tables(plan, database, checkpoint=checkpoint, fill=fill)
    return [*tables, *calibration_tables(plan, database, checkpoint=checkpoint, notes=notes)]


def _accuracy_table(plan: Plan, found: dict[str, dict[str, Any]], checkpoint: str, fill: str) -> Table:
    studies, columns = lay_out(plan.cells)
    models = models_of(plan.cells)
    seeds = max(len(cells) for cells in columns.values())
    rows: list[list[str | Entry]] = []
    for study in studies:
        entries: dict[str, Entry] = {}
        for model in models:
            cells = cells_in(columns, study, model)
            if not cells:
                continue
            why = GridAddress(plan.name, *place_of(cells[0]), checkpoint=checkpoint)
            entry = _accuracy(found.get(cells[0].setting), why, expected=seeds)
            if model.startswith("R"):
                entry = replace(entry, arrow=arrow(entries.get(previous(model)), entry))
            entries[model] = entry
        rows.append([*identity(study, studies), *(entries.get(model, "") for model in models)])
    missing = sum(isinstance(item, Entry) and item.mean is None for row in rows for item in row)
    names = [model_title(model) for model in models]
    return Table(
        title=f"{plan.name}: test accuracy",
        caption=f"Test accuracy in percent at checkpoint {checkpoint}: mean ± sample standard deviation over "
        f"{seeds} seed{'s' if seeds > 1 else ''}; ↑ ↓ → against the previous round.",
        headers=[*identity_headers(studies), *names],
        rows=rows,
        notes=[CHECKPOINT_NOTES[checkpoint], *_missing_note(missing, fill)],
    )


def _curvature_table(
    plan: Plan,
    accuracy: dict[str, dict[str, Any]],
    found: dict[str, dict[str, Any]],
    measure: Curvature,
    split: str,
    checkpoint: str,
    fill: str,
) -> Table:
    measured = [step.cell for step in plan.steps.values() if measure in step.measures]
    _, columns = lay_out(measured)
    studies = list(dict.fromkeys(taught_by(study) for study, _ in columns))
    seeds = max(len(cells) for cells in columns.values())
    rows: list[list[str | Entry]] = []
    for study in studies:
        inside = [(s, model, cells) for (s, model), cells in columns.items() if taught_by(s) == study]
        for taught, model, cells in sorted(inside, key=lambda item: model_order(item[0], item[1])):
            row = found.get(cells[0].setting)
            why = GridAddress(plan.name, *place_of(cells[0]), checkpoint=checkpoint)
            way = replace(why, split=split, measure_key=measure.key)
            rows.append(
                [
                    *identity(study, studies, alpha=False),
                    model_name(taught, model),
                    _accuracy(accuracy.get(cells[0].setting), why, expected=seeds),
                    _estimate(row, "trace", way, seeds),
                    _probe_error(row, way),
                    _estimate(row, "lambda_max", way, seeds),
                    _estimate(row, "relative_trace", way, seeds),
                    _estimate(row, "sharpness", way, seeds, decimals=4),
                ]
            )
    missing = sum(isinstance(item, Entry) and item.mean is None for row in rows for item in row)
    notes = [CHECKPOINT_NOTES[checkpoint], *_missing_note(missing, fill)]
    if any(row["not_converged"] for row in found.values()):
        notes.insert(
            0, "† not converged for at least one seed: an eigenvalue or the trace missed the accuracy asked for."
        )
    samples = max((row["n_samples"] for row in found.values()), default=measure.samples)
    return Table(
        title=f"{plan.name}: curvature on the {split} split",
        caption=f"Hessian of the cross-entropy on {samples} fixed {split} images, without augmentation, at checkpoint "
        f"{checkpoint}: mean ± sample standard deviation over {seeds} seed{'s' if seeds > 1 else ''}. "
        f"s.e. is the standard error of one trace, averaged over the seeds; the relative trace is Σ θ² H, which no "
        f"rescaling of the weights changes; the sharpness is how much the loss rises at one step of length "
        f"{measure.rho:g} along its gradient.",
        headers=[
            *identity_headers(studies, alpha=False),
            *("Model", "Accuracy", "Trace", "s.e.", "λmax", "Relative trace", "Sharpness"),
        ],
        rows=rows,
        notes=notes,
    )


def _accuracy(row: dict[str, Any] | None, why: GridAddress, *, expected: int) -> Entry:
    return Entry(row["mean"], row["std"], row["n"], expected, why=str(why)) if row else Entry(None)


def _estimate(row: dict[str, Any] | None, name: str, way: GridAddress, expected: int, *, decimals: int = 2) -> Entry:
    if not row or row[name] is None:  # not measured, or by a backend that does not give it
        return Entry(None)
    mark = "†" if name in {"trace", "lambda_max"} and row["not_converged"] else ""
    why = str(replace(way, metric=name))
    return Entry(row[name], row[f"{name}_std"], row["n"], expected, decimals=decimals, mark=mark, why=why)


def _probe_error(row: dict[str, Any] | None, way: GridAddress) -> Entry:
    return Entry(row["trace_stderr"], why=str(replace(way, metric="trace_stderr"))) if row else Entry(None)


def _missing_note(missing: int, fill: str) -> list[str]:
    return [f"— is not measured yet; fill it with: {fill}"] if missing else []
