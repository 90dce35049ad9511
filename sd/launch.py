"""``python -m sd.launch GRID --local``: train and measure whatever of a grid is not done yet."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from sd import BadInput, verb
from sd.cluster.local import Folders, LocalRun, divide_machine
from sd.plan.catalogue import DATASETS
from sd.plan.cost import REFERENCE_TFLOPS, gpu_hours, petaflop
from sd.plan.schedule import Plan
from sd.render.live import Display
from sd.store.database import Database, open_database
from sd.store.progress import Done, progress, scores_in
from sd.store.record import cell_folder, records_of

app = verb.app("launch")


@app.command()
def launch(
    grids: verb.Grids,
    local: Annotated[bool, typer.Option("--local", help="Run on this machine.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes. [default: one a GPU, else one a core]")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    db: verb.Db = None,
    root: verb.Root = verb.DEFAULT_ROOT,
    data_root: verb.DataRoot = None,
    save_every: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Time between two saved states of a cell.")
    ] = 60.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done and what it costs; do nothing.")
    ] = False,
) -> None:
    """Plan the grids, show what is to be done and what it costs, and do it: every student after its own teacher.

    What is done already is not done again. Ctrl-C stops; the same command goes on from there. Exit code 0: all is done;
    1: a cell failed (its descendants are not run, all others are); 2: the input cannot be used; 130: stopped.
    """
    if device not in {"auto", "cpu", "cuda"}:
        raise BadInput(f"--device: {device!r} is not a device; give auto, cpu or cuda")
    plan, notes = verb.read_plan(grids)
    if not local and not dry_run:
        raise BadInput("give --local: this version runs grids on this machine; submitting to SLURM is not in it yet")
    database = open_database(db, create=True)
    refused = database.ingest(path for key in plan.steps for path in records_of(cell_folder(root, key))).refused
    done = progress(plan, root, database)
    wanted = plan.needed(missing=set(plan.steps) - done.facts, untrained=set(plan.steps) - done.trained)
    for line in [*notes, *refused, *_summary(plan, done, wanted)]:
        print(line)
    if dry_run or not wanted:
        return
    layout = divide_machine(workers, device, len(wanted))
    _require_data(plan, wanted, data_root)
    hands = f"{verb.counted(layout.count, 'worker')} of {verb.counted(layout.threads, 'thread')}"
    print(f"{hands} on {', '.join(sorted(set(layout.devices)))}", flush=True)
    with Display(Console(), [plan.steps[key].cell for key in wanted]) as display:
        outcome = LocalRun(
            plan,
            wanted,
            scores_in(database, wanted),
            folders=Folders(root, data_root),
            database=database,
            workers=layout,
            save_every=save_every,
            listener=display,
        ).go()
    _report_differences(database, outcome.done)
    for key, error in outcome.failed.items():
        folder = cell_folder(root, key)
        print(f"failed: {plan.steps[key].cell.label}: {error} (see {folder / 'attempts'})", file=sys.stderr)
    if outcome.stopped:
        print(
            f"stopped with {len(outcome.done)} of {len(wanted)} cells done; the same command goes on", file=sys.stderr
        )
        raise typer.Exit(130)
    if outcome.failed:
        raise typer.Exit(1)


def _summary(plan: Plan, done: Done, wanted: set[str]) -> list[str]:
    cells = [plan.steps[key].cell for key in wanted]
    again = len(wanted & done.facts)
    lines = [f"{plan.name}: {verb.counted(len(plan.steps), 'cell')}, {len(done.facts)} done, {len(wanted)} to run"]
    if again:
        lines.append(
            f"{again} of them have facts but no checkpoint here, and are trained again because a student needs them"
        )
    if cells:
        cost, hours = sum(map(petaflop, cells)), sum(map(gpu_hours, cells))
        lines.append(f"cost: {cost:.3g} PFLOP, {hours:.2g} GPU-hours if a device sustains {REFERENCE_TFLOPS:g} TFLOP/s")
    return lines


def _require_data(plan: Plan, wanted: set[str], data_root: verb.DataRoot) -> None:
    """Read each data set once before any worker starts, so that a missing one is said once and nothing is begun."""
    names = {plan.steps[key].cell.dataset for key in wanted}
    fetched = sorted(name for name in names if not DATASETS[name].bundled)
    if fetched:
        from sd.train.datasets import load

        for name in fetched:
            load(name, data_root)


def _report_differences(database: Database, keys: list[str]) -> None:
    for row in database.rows(
        "SELECT d.*, c.label FROM discrepancies d JOIN cells c ON c.key = d.cell_key ORDER BY c.label"
    ):
        if row["cell_key"] in keys:
            print(
                f"differs: {row['label']}, {row['checkpoint']} on {row['split']}: "
                f"{row['top1_before']:.2f} % before, {row['top1_now']:.2f} % now"
            )


if __name__ == "__main__":
    verb.main(app)
