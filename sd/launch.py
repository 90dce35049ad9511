"""``python -m sd.launch GRID``: have whatever of a grid is not done yet trained and measured, here or by SLURM."""

import contextlib
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from sd import BadInput, verb
from sd.cluster import slurm
from sd.cluster.ledger import QueuedTask, by_cell, settled_tasks, tasks_in_queue
from sd.cluster.local import Folders, LocalRun, divide_machine
from sd.cluster.lock import alone_in, launching
from sd.cluster.modules import import_from_beside
from sd.cluster.scripts import batch_script
from sd.cluster.standing import overview
from sd.cluster.submission import (
    Orders,
    Submission,
    check_scripts_folder,
    doomed,
    prepare,
    send,
    write_scripts,
)
from sd.cluster.task.requirements import require
from sd.plan.cost import START_SECONDS
from sd.plan.resources import Resources
from sd.plan.schedule import Plan
from sd.render.forecast import content, ending, forecast
from sd.render.live import Display
from sd.render.words import counted
from sd.store.database import Database, open_database
from sd.store.pace import priced
from sd.store.progress import Done, scores_in
from sd.store.record import cell_folder
from sd.store.target import absolute_target, database_file
from sd.store.todo import find_todo, take_stock

app = verb.app("launch")

# How many elements an array is taken to have where there is no SLURM to ask.
_ASSUMED_ARRAY = 1000

Option = typer.Option


@app.command()
def launch(
    grids: verb.Grids,
    local: Annotated[bool, Option("--local", help="Run on this machine instead of submitting to SLURM.")] = False,
    workers: Annotated[
        int | None, Option(min=1, help="With --local: worker processes. [default: one a GPU, else one a core]")
    ] = None,
    device: Annotated[str, Option(help="auto, cpu or cuda.")] = "auto",
    db: verb.Db = None,
    root: verb.Root = None,
    data_root: verb.DataRoot = None,
    save_every: Annotated[
        float, Option(min=0, metavar="SECONDS", help="Time between two saved states of a cell.")
    ] = 60.0,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Show what would be done, what it costs, and the batch scripts; do nothing.")
    ] = False,
    minimal: verb.Minimal = False,
    profile: verb.ProfileFile = None,
    partition: Annotated[str | None, Option(help="SLURM partition.")] = None,
    account: Annotated[str | None, Option(help="SLURM account.")] = None,
    qos: Annotated[str | None, Option(help="SLURM quality of service.")] = None,
    constraint: Annotated[str | None, Option(help="SLURM node features.")] = None,
    gpus: Annotated[int | None, Option(min=0, help="GPUs of a job.")] = None,
    cpus: Annotated[int | None, Option(min=1, help="CPUs of a job.")] = None,
    memory_gb: Annotated[float | None, Option(help="Memory of a job, in GiB.")] = None,
    hours: Annotated[float | None, Option(help="Time limit of a job.")] = None,
    pack: Annotated[int | None, Option(min=1, help="Cells that share a job at a time.")] = None,
    sbatch: Annotated[
        list[str] | None, Option("--sbatch", metavar="NAME=VALUE", help="A further option of sbatch; can be repeated.")
    ] = None,
    max_parallel: Annotated[int | None, Option(min=1, help="Tasks of one array that run at a time.")] = None,
    scripts: Annotated[
        Path | None,
        Option("--scripts", metavar="DIR", help="Write batch scripts and a submit.sh into DIR; submit nothing."),
    ] = None,
    retry: Annotated[str | None, Option(help="failed: only what has failed before, and what descends from it.")] = None,
) -> None:
    """Plan the grids, show what is to be done and what it costs, and have it done: each student after its own teacher.

    Through SLURM it submits job arrays and returns at once. With --local it works here; Ctrl-C stops, and the same
    command goes on from there. What is done, runs or waits already is not done again. Exit code 0: all is done or
    submitted; 1: a cell failed, or sbatch refused; 2: the input cannot be used; 130: stopped.
    """
    if device not in {"auto", "cpu", "cuda"}:
        raise BadInput(f"--device: {device!r} is not a device; give auto, cpu or cuda")
    if retry not in {None, "failed"}:
        raise BadInput(f"--retry: {retry!r} is not known; give failed")
    asked = _asked(
        sbatch or [],
        partition=partition,
        account=account,
        qos=qos,
        constraint=constraint,
        gpus=gpus,
        cpus=cpus,
        memory_gb=memory_gb,
        hours=hours,
        pack=pack,
    )
    if local and (asked != Resources() or scripts or max_parallel):
        raise BadInput("--local runs on this machine, without SLURM: leave out --partition and the like, or --local")
    if workers and not local:
        raise BadInput("--workers is for --local; through SLURM, --max-parallel limits the tasks of an array")
    if not local and not dry_run and not scripts and not slurm.available():
        raise BadInput("this machine has no SLURM (no sbatch); give --local to run here, or --scripts DIR")
    plan, notes = verb.read_plan(grids, minimal=minimal)
    import_from_beside(grids)
    site = verb.read_site(profile, root, data_root)
    tell(notes)
    if not local:
        if db and "://" in db:
            os.environ["SD_DB"] = db  # for jobs: a password is to stand in no file
        orders = Orders(
            site.root, site.data_root, absolute_target(db), site.profile, asked, device, save_every, max_parallel
        )
        _through_slurm(plan, orders, db, dry_run=dry_run, scripts=scripts, retry=retry is not None)
        return
    _here(plan, site, db, device, workers, save_every, dry_run=dry_run, retry=retry is not None)


def _database(db: str | None, *, dry_run: bool) -> Database:
    """The database, made if it is not there; a dry run, which writes nothing, then looks into an empty one."""
    file = database_file(db)
    missing = file is not None and file.parent.is_dir() and not file.exists()
    return open_database("sqlite://" if dry_run and missing else db, create=True)


def _here(
    plan: Plan,
    site: verb.Site,
    db: str | None,
    device: str,
    workers: int | None,
    save_every: float,
    *,
    dry_run: bool,
    retry: bool,
) -> None:
    """Run the plan on this machine."""
    database = _database(db, dry_run=dry_run)
    # The lock before the queue is asked, so that no launcher adds to it meanwhile.
    with contextlib.nullcontext() if dry_run else alone_in(site.root):
        tasks = tasks_in_queue(site.root) if (site.root / "submissions").exists() and slurm.available() else None
        there = by_cell(tasks or []).keys() & plan.steps.keys()
        if there and not dry_run:
            count = counted(len(there), "cell")
            hint = "cancel them first: python -m sd.cancel GRID"
            raise BadInput(f"--local: {count} of this plan are in SLURM's queue; {hint}")
        _run_here(plan, site, database, device, workers, save_every, tasks, dry_run=dry_run, retry=retry)


def _run_here(
    plan: Plan,
    site: verb.Site,
    database: Database,
    device: str,
    workers: int | None,
    save_every: float,
    tasks: list[QueuedTask] | None,
    *,
    dry_run: bool,
    retry: bool,
) -> None:
    done, refused = take_stock(plan, site.root, database)
    tell(refused)
    again = _failed(plan, site.root, tasks, done) if retry else None
    todo = find_todo(plan, done, (), again=again)
    layout = divide_machine(workers, device, max(1, len(todo.wanted)))
    kind = "cpu" if layout.devices[0] == "cpu" else "cuda"
    cost = priced(database, todo.steps, dict.fromkeys(todo.wanted, kind))
    tell(forecast(todo, cost, "to run"))
    if dry_run or not todo.wanted:
        return
    require(todo, site.data_root)
    hands = f"{counted(layout.count, 'worker')} of {counted(layout.threads, 'thread')}"
    print(f"{hands} on {', '.join(sorted(set(layout.devices)))}", flush=True)
    with Display(Console(), [step.cell for step in todo.steps]) as display:
        outcome = LocalRun(
            plan,
            set(todo.wanted),
            scores_in(database, todo.wanted),
            cost.seconds,
            folders=Folders(site.root, site.data_root),
            database=database,
            workers=layout,
            save_every=save_every,
            listener=display,
        ).go()
    _report_differences(database, outcome.done)
    for key, error in outcome.failed.items():
        folder = cell_folder(site.root, key)
        print(f"failed: {plan.steps[key].cell.label}: {error} (see {folder / 'attempts'})", file=sys.stderr)
    if outcome.stopped:
        count = f"{len(outcome.done)} of {counted(len(todo.wanted), 'cell')}"
        print(f"stopped with {count} done; the same command goes on", file=sys.stderr)
        raise typer.Exit(130)
    if outcome.failed:
        raise typer.Exit(1)


def _through_slurm(
    plan: Plan, orders: Orders, db: str | None, *, dry_run: bool, scripts: Path | None, retry: bool
) -> None:
    """Submit the plan, or show or write what would be submitted."""
    database = _database(db, dry_run=dry_run)
    if dry_run:
        submission = _prepare(plan, orders, database, retry=retry, dry=True)
        if submission:
            _show(submission)
        if not slurm.available():
            print("this machine has no SLURM: its queue and the size of its arrays are not known")
        return
    if scripts:
        check_scripts_folder(scripts)
    with launching(orders.root) as lock, alone_in(orders.root):
        submission = _prepare(plan, orders, database, retry=retry, scripts=scripts)
        if submission is None:
            return
        if scripts:
            count = counted(len(submission.arrays), "batch script")
            print(f"{count} in {scripts}; submit them with: {shlex.quote(str(write_scripts(submission, scripts)))}")
            return
        sent = send(submission, lock, lambda array, job: print(f"{array.name}: job {job}, {content(array)}"))
    if sent.refused:
        print(f"sbatch refused {sent.refused}", file=sys.stderr)
        count = f"{len(sent.jobs)} of {counted(len(submission.arrays), 'array')}"
        print(f"{count} submitted; the same command goes on with the rest", file=sys.stderr)
        raise typer.Exit(1)
    print("follow them with: python -m sd.status GRID")


def _prepare(
    plan: Plan, orders: Orders, database: Database, *, retry: bool, scripts: Path | None = None, dry: bool = False
) -> Submission | None:
    """The arrays of what is left to do, ready to be sent; ``None`` if nothing is."""
    here = slurm.available()
    tasks = (tasks_in_queue if dry else settled_tasks)(orders.root) if here else None
    done, refused = take_stock(plan, orders.root, database)
    tell(refused)
    again = _failed(plan, orders.root, tasks, done) if retry else None
    todo = find_todo(plan, done, by_cell(tasks or []), again=again)
    lost = doomed(todo, tasks or [])
    if lost and not dry:
        print(f"{counted(len(lost), 'waiting job')} cancelled, whose teachers are to be trained anew", flush=True)
        slurm.cancel([task.entry.id for task in lost])
    tasks = [task for task in tasks or [] if task not in lost]
    queued = by_cell(tasks)
    todo = find_todo(plan, done, queued, again=again) if lost else todo
    resources = orders.resources(plan, todo.wanted)
    kinds = {key: orders.kind(asked) for key, asked in resources.items()}
    cost = priced(database, todo.steps, kinds, start=START_SECONDS)
    tell(forecast(todo, cost, "to submit"))
    if not todo.wanted:
        return None
    if here:
        partition = resources[todo.steps[0].cell.key].partition
        print(ending(cost, slurm.gpus_in(partition), partition), flush=True)
    if not dry and not scripts:
        require(todo, orders.data_root, orders.profile.environment)
    return prepare(
        todo,
        orders,
        resources=resources,
        queued=queued,
        scores_before=scores_in(database, todo.wanted),
        expected=cost.seconds,
        largest=slurm.largest_array() if here else _ASSUMED_ARRAY,
        scripts=scripts,
        dry=dry,
    )


def _failed(plan: Plan, root: Path, tasks: list[QueuedTask] | None, done: Done) -> set[str]:
    """The cells of a plan that ``sd.status`` calls failed."""
    return {key for key, it in overview(plan, root, tasks, done).standings.items() if it.state == "failed"}


def _show(submission: Submission) -> None:
    """Print the arrays, what they wait for, and their batch scripts."""
    for array in submission.arrays:
        waits = f" --dependency={array.after.spelled({})}" if array.after else ""
        print(f"\nsbatch{waits} {array.name}.sh    # {content(array)}")
        print("\n".join(f"    {line}" for line in batch_script(array, submission.wiring).rstrip().splitlines()))
    calls = counted(len(submission.arrays), "array")
    print(
        f"\n{calls}, {counted(len(submission.arrays), 'call')} of sbatch, "
        f"{counted(sum(len(array.tasks) for array in submission.arrays), 'task')}"
    )


def _asked(sbatch: list[str], **given: Any) -> Resources:
    """The resources that the command line names."""
    further: dict[str, Any] = {}
    for item in sbatch:
        name, equals, value = item.partition("=")
        further[name] = value if equals else True
    try:
        return Resources(**given, sbatch=further)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        name = str(detail["loc"][0]).replace("_", "-")
        value = "" if detail["type"] == "needs" else f"{detail['input']!r} "
        raise BadInput(f"--{name}: {value}{detail['msg']}") from None


def _report_differences(database: Database, keys: list[str]) -> None:
    for row in database.rows(
        "SELECT d.*, c.label FROM discrepancies d JOIN cells c ON c.key = d.cell_key"
        " ORDER BY c.label, d.cell_key, d.checkpoint, d.split"
    ):
        if row["cell_key"] in keys:
            print(
                f"differs: {row['label']}, {row['checkpoint']} on {row['split']}: "
                f"{row['top1_before']:.2f} % before, {row['top1_now']:.2f} % now"
            )


def tell(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    verb.main(app)
