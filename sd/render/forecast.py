"""What a launch is about to do, in words: how much of a plan is done, what the rest takes, and when it may be over."""

from datetime import datetime, timedelta

from sd.plan.arrays import Array
from sd.plan.cost import REFERENCE_TFLOPS, Estimate, petaflop
from sd.render.words import counted, duration
from sd.store.todo import Todo

# What the hours of a kind of device are called.
_HOURS = {"cuda": "GPU-hours", "cpu": "hours of jobs on CPUs"}


def forecast(todo: Todo, cost: Estimate, doing: str) -> list[str]:
    """How many cells are done, queued and ``doing`` (``to run``, ``to submit``), and what these cost."""
    plan, done = todo.plan, todo.done
    waiting = len((plan.steps.keys() & todo.queued) - done.facts)
    in_the_queue = f" {waiting} in the queue," if waiting else ""
    count = f"{counted(len(plan.steps), 'cell')}, {len(done.facts)} done,{in_the_queue} {len(todo.wanted)} {doing}"
    lines = [f"{plan.name}: {count}"]
    assembled = sum(step.cell.is_assembled for step in plan.steps.values())
    if assembled:
        runs = counted(len(plan.steps) - assembled, "training run")
        lines.append(f"{runs}; {assembled} are put together from trained ones, or are zero-shot classifiers")
    again = len(todo.wanted & done.facts)
    if again:
        lines.append(
            f"{again} of them have facts but no checkpoint here, and are trained again because a student needs them"
        )
    if todo.wanted:
        lines.append(f"cost: {_operations(todo)}{hours(cost)}; {_source(todo, cost)}")
    return lines


def _operations(todo: Todo) -> str:
    """``12.3 PFLOP, ``, of the cells of which it is known; nothing if there are none."""
    known = [operations for step in todo.steps if (operations := petaflop(step.cell)) is not None]
    return f"{sum(known):.3g} PFLOP, " if known else ""


def hours(cost: Estimate) -> str:
    """``12.3 GPU-hours``, and those on CPUs where there are any."""
    kinds = [kind for kind in _HOURS if kind in cost.kinds.values()]
    return " and ".join(f"{cost.hours(kind):.2g} {_HOURS[kind]}" for kind in kinds) or "nothing"


def ending(cost: Estimate, gpus: int | None, partition: str | None) -> str:
    """The longest chain, and the end that follows from it and from the number of GPUs, where that is known."""
    at_once = cost.chain
    line = f"longest chain: {duration(cost.chain)}"
    if gpus and "cuda" in cost.kinds.values():
        at_once = max(at_once, cost.hours("cuda") * 3600 / gpus)
        line += f"; on all {gpus} GPUs of {partition or 'the default partition'}"
    end = datetime.now().astimezone() + timedelta(seconds=at_once)
    return f"{line}: not done before {end:%Y-%m-%d %H:%M}"


def content(array: Array) -> str:
    """``12 cells``, and ``in 3 tasks`` where they are packed."""
    cells, tasks = len(array.keys), len(array.tasks)
    return counted(cells, "cell") + (f" in {counted(tasks, 'task')}" if tasks != cells else "")


def _source(todo: Todo, cost: Estimate) -> str:
    """Where an estimate comes from."""
    said = [
        f"{arch} on {dataset} as {counted(pace.cells, 'cell')} took on {pace.device}"
        for (arch, dataset, _), pace in cost.measured.items()
    ]
    others = {
        cost.kinds[step.cell.key]
        for step in todo.steps
        if step.cell.key in cost.seconds
        and (step.cell.arch, step.cell.dataset, cost.kinds[step.cell.key]) not in cost.measured
    }
    for kind in sorted(others):
        what = "the others" if said else "all"
        rate = f"{REFERENCE_TFLOPS[kind]:g} TFLOP/s of a {'GPU' if kind == 'cuda' else 'few CPU cores'}"
        said.append(f"{what} by operations, at an assumed {rate}")
    unknown = len(todo.steps) - len(cost.seconds)
    if unknown:
        said.append(f"{counted(unknown, 'cell')} of unknown cost (models of timm, or what is your own) left out")
    return "; ".join(said)
