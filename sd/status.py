"""``python -m sd.status GRID``: where every cell of a grid stands, what it has taken, and what is still to go."""

import json
import sys
import time
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from sd import verb
from sd.cluster.standing import Overview, look_at_queue, overview
from sd.plan.cost import START_SECONDS, Estimate
from sd.plan.schedule import Plan
from sd.render.forecast import hours
from sd.render.formats import drawn, write_tables
from sd.render.matrix import as_json, details, matrix, totals
from sd.render.words import duration
from sd.store.database import Database, open_database
from sd.store.pace import busy_hours, kinds_of, priced
from sd.store.todo import take_stock

app = verb.app("status")

# Lines on running cells, and on failed ones, that are shown without --all.
_MOST = 20

Option = typer.Option


@app.command()
def status(
    grids: verb.Grids,
    watch: Annotated[bool, Option("--watch", help="Show it again and again, until nothing runs or waits.")] = False,
    every: Annotated[float, Option(min=1, metavar="SECONDS", help="With --watch: time between two looks.")] = 30.0,
    as_data: Annotated[bool, Option("--json", help="Every cell and the totals as JSON.")] = False,
    all_: Annotated[bool, Option("--all", help="Every running and failed cell, however many.")] = False,
    minimal: verb.Minimal = False,
    db: verb.Db = None,
    root: verb.Root = None,
    profile: verb.ProfileFile = None,
) -> None:
    """Show where each cell stands: done, running, waiting and for what, failed and why, or never submitted.

    It asks squeue once, and sacct at most once; what SLURM does not know or keep comes from the records. Exit code 0,
    whatever it shows; 2: the input cannot be used.
    """
    plan, _ = verb.read_plan(grids, minimal=minimal)
    site = verb.read_site(profile, root)
    database = open_database(db, create=True)
    most = None if all_ else _MOST

    def look() -> tuple[Overview, Estimate, list[str]]:
        tasks, unasked = look_at_queue(site.root)
        done, refused = take_stock(plan, site.root, database)
        seen = overview(plan, site.root, tasks, done)
        return seen, _to_go(plan, seen, database), [*seen.notes, *unasked, *refused]

    if as_data:
        seen, cost, notes = look()
        print(json.dumps(_data(plan, seen, cost, database, notes), indent=1))
        return
    console = Console()
    if not watch:
        seen, cost, notes = look()
        if sys.stdout.isatty():
            console.print(drawn(matrix(plan, seen.standings)))
        else:
            sys.stdout.write(write_tables([matrix(plan, seen.standings)], "md") + "\n")
        for line in _lines(plan, seen, cost, database, notes, most):
            print(line)
        return
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            seen, cost, notes = look()
            lines = _lines(plan, seen, cost, database, notes, most)
            live.update(Group(drawn(matrix(plan, seen.standings)), *(Text(line) for line in lines)), refresh=True)
            if not any(standing.state in {"running", "waiting"} for standing in seen.standings.values()):
                return
            time.sleep(every)


def _to_go(plan: Plan, seen: Overview, database: Database) -> Estimate:
    """What the cells take that are not done, less what the running ones have behind them."""
    steps = [step for key, step in plan.steps.items() if seen.standings[key].state != "done"]
    cost = priced(database, steps, kinds_of(database, plan), start=START_SECONDS)
    left = {}
    for key, seconds in cost.seconds.items():
        epochs = plan.steps[key].cell.recipe.trained_epochs
        left[key] = seconds * (1 - min(seen.standings[key].epoch or 0, epochs) / epochs)
    return replace(cost, seconds=left)


def _lines(
    plan: Plan, seen: Overview, cost: Estimate, database: Database, notes: list[str], most: int | None
) -> list[str]:
    used = f"used: {busy_hours(database, plan.steps):.2g} hours of devices"
    to_go = f"; to go: about {hours(cost)}, {duration(cost.chain)} in the longest chain" if cost.seconds else ""
    return [
        totals(plan, seen.standings),
        used + to_go,
        *details(plan, seen.standings, most=most),
        *notes,
    ]


def _data(plan: Plan, seen: Overview, cost: Estimate, database: Database, notes: list[str]) -> dict[str, Any]:
    return {
        "grid": plan.name,
        "cells": as_json(plan, seen.standings),
        "hours_used": round(busy_hours(database, plan.steps), 4),
        "hours_to_go": {kind: round(cost.hours(kind), 4) for kind in sorted(set(cost.kinds.values()))},
        "notes": notes,
    }


if __name__ == "__main__":
    verb.main(app)
