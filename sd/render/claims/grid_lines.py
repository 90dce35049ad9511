"""The lines of a grid that add seeds to a case: cells of the settings that are there, measured as these were."""

import json
from collections.abc import Sequence
from itertools import product
from typing import Any

import yaml

from sd.plan.measure import Curvature
from sd.plan.recipe import RECIPES
from sd.render.claims.judge import Case
from sd.render.claims.study import Row
from sd.store.database import Database

# What a claim asks for in general and a case has already chosen.
_OF_THE_CASE = {"arch", "alpha", "dataset", "recipe", "ban"}

# Seeds of the members of new ensembles begin here, so that no two ensembles share one.
_MEMBERS = 10_000


def grid_lines(case: Case, database: Database, seeds: list[int]) -> tuple[list[str], str]:
    """An entry for ``cells:`` of a grid for each architecture, augmentation and recipe of the case.

    Returns:
        The entries, and what a user must still put right in them: nothing, or words that begin with a comma.
    """
    asks, unsure = _asks(case, database)
    lines = []
    for place in dict.fromkeys((row["arch"], row["aug"], row["protocol"]) for row in case.rows):
        rows = [row for row in case.rows if (row["arch"], row["aug"], row["protocol"]) == place]
        entry: dict[str, Any] = {"arch": place[0], "dataset": case.study.dataset, "aug": place[1]}
        entry |= _recipe(database, rows[0])
        entry |= _taught(rows) if "rounds" in asks else {}
        entry |= {name: value for name, value in asks.items() if name not in _OF_THE_CASE}
        sizes = sorted({row.get("size") or row.get("teachers") or 0 for row in rows} - {0, 1})
        entry |= {"ban": sizes} if "ban" in asks else {}
        entry |= {"ensembles": _ensembles(sizes, seeds)} if "ensembles" in asks and sizes else {}
        entry["seeds"] = seeds
        line = yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
        lines.append(f"- {line.strip()}")
    return lines, unsure


def _ensembles(sizes: list[int], seeds: Sequence[int]) -> dict[str, Any]:
    """Ensembles of these sizes under each seed, of members that no other has; the first is the seed's own model."""
    most = max(sizes)
    return {"sizes": sizes, "members": [[s, *(_MEMBERS + most * s + place for place in range(1, most))] for s in seeds]}


def _taught(rows: Sequence[Row]) -> dict[str, Any]:
    """The α and what is not the default of how a case's students are taught."""
    entry: dict[str, Any] = {"alpha": sorted({row["alpha"] for row in rows if row.get("alpha") is not None})}
    tau = {row["tau"] for row in rows if row.get("tau") is not None}
    taught = {row["teacher_checkpoint"] for row in rows if row.get("teacher_checkpoint")}
    entry |= {"tau": sorted(tau)} if tau not in (set(), {4.0}) else {}
    return entry | ({"teacher_checkpoint": taught.pop()} if taught not in (set(), {"best_test"}) else {})


def _recipe(database: Database, row: Row) -> dict[str, Any]:
    """The recipe's name, the fields that are not its own, and the label noise."""
    (found, *_) = database.rows(
        "SELECT recipe, recipe_json FROM cells"
        " WHERE arch = :arch AND dataset = :dataset AND protocol = :protocol ORDER BY key LIMIT 1",
        **{name: row[name] for name in ("arch", "dataset", "protocol")},
    )
    named = RECIPES[found["recipe"]].model_dump(mode="json") if found["recipe"] in RECIPES else {}
    changed = {
        name: value for name, value in json.loads(found["recipe_json"]).items() if named.get(name, value) != value
    }
    noise = {"label_noise": row["label_noise"]} if row["label_noise"] else {}
    return {"recipe": found["recipe"], **changed, **noise}


def _asks(case: Case, database: Database) -> tuple[dict[str, Any], str]:
    """What the claim asks of a grid, a measure with the settings that it had."""
    asks = dict(case.claim.asks)
    measures = asks.get("measure", [])
    unsure = f", {measures[0]} with the settings that it had" if measures else ""
    if measures == ["curvature"] and case.measure_keys:
        settings = _curvature(database, case.measure_keys[0])
        if settings:
            asks["curvature"] = settings.model_dump(mode="json", exclude_defaults=True)
            asks = {name: value for name, value in asks.items() if value != {}}
            unsure = ""
    return asks, unsure


def _curvature(database: Database, key: str) -> Curvature | None:
    """The settings of that key, read off what was measured with them; ``None`` if some left no trace there."""
    rows = database.rows(
        "SELECT DISTINCT checkpoint, split, n_samples, steps, runs, rho, backend FROM curvature"
        " WHERE measure_key = :key",
        key=key,
    )
    (top,) = database.rows('SELECT MAX("rank") AS top FROM eigenvalues WHERE measure_key = :key', key=key)
    samples, default = max(row["n_samples"] for row in rows), Curvature()
    for size, steps in product(
        (samples, default.samples), {max(row["steps"] // row["runs"] for row in rows), default.steps}
    ):
        settings = {
            "samples": size,
            "checkpoints": [c for c in ("best_test", "best_val", "last") if c in {row["checkpoint"] for row in rows}],
            "splits": [s for s in ("train", "test") if s in {row["split"] for row in rows}],
            "steps": steps,
            "top": min(top["top"] or 1, steps),
            **{name: rows[0][name] for name in ("runs", "rho")},
            "backend": rows[0]["backend"] if rows[0]["backend"] in {"lanczos", "pyhessian"} else default.backend,
        }
        found = Curvature.model_validate(settings)
        if found.key == key:
            return found
    return None
