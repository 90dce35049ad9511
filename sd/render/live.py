"""The display of a run on this machine: bars in a terminal, one line a finished cell elsewhere."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from sd.plan.cell import Cell
from sd.plan.cost import forwards, petaflop
from sd.render.words import duration


class Display:
    """Listens to a run (``sd.cluster.local.Listener``) and shows cells, epochs, accuracy so far and time left."""

    def __init__(self, console: Console, cells: list[Cell]) -> None:
        self._console = console
        self._started = time.monotonic()
        self._work = _work(cells)
        self._total = sum(self._work.values())
        self._count = len(cells)
        self._finished = 0
        self._spent: dict[str, float] = {}
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._all = self._progress.add_task("all cells", total=self._count, note="")

    def __enter__(self) -> "Display":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def started(self, cell: Cell) -> None:
        """Show a bar of the cell's epochs."""
        self._bars[cell.key] = self._progress.add_task(cell.label, total=cell.recipe.trained_epochs, note="")

    def epoch(self, cell: Cell, facts: dict[str, Any]) -> None:
        """Move the cell's bar, and the estimate of the time left."""
        self._spent[cell.key] = self._work[cell.key] * facts["epoch"] / cell.recipe.trained_epochs
        scored = "" if facts["test_top1"] is None else f"  test {facts['test_top1']:.2f} %"
        note = f"epoch {facts['epoch']}/{cell.recipe.trained_epochs}{scored}"
        self._progress.update(self._bars[cell.key], completed=facts["epoch"], note=note)
        self._progress.update(self._all, note=f"{self._finished}/{self._count}  {self._time_left()}")

    def measuring(self, cell: Cell, line: str, done: int) -> None:
        """Say beside the cell's bar what is being measured."""
        if done:
            self._progress.update(self._bars[cell.key], note=line)

    def finished(self, cell: Cell, seconds: float) -> None:
        """Print a line that stays."""
        self._finished += 1
        self._spent[cell.key] = self._work[cell.key]
        self._remove(cell)
        self._progress.update(self._all, completed=self._finished)
        place = f"{self._finished:>{len(str(self._count))}}/{self._count}"
        self._say(f"{place}  {cell.label}  {seconds:.1f} s  {self._time_left()}".rstrip())

    def failed(self, cell: Cell, error: str, lost: int) -> None:
        """Print a line that stays."""
        self._remove(cell)
        after = f"; {lost} that descend from it are not run" if lost else ""
        self._say(f"failed: {cell.label} ({cell.key}): {error}{after}")

    def warned(self, line: str) -> None:
        """Print a line that stays."""
        self._say(line)

    def stopping(self) -> None:
        """Say that the state is being saved."""
        self._say("stopping: each worker saves its state; the same command goes on from there")

    def _remove(self, cell: Cell) -> None:
        bar = self._bars.pop(cell.key, None)
        if bar is not None:
            self._progress.remove_task(bar)

    def _say(self, line: str) -> None:
        self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _time_left(self) -> str:
        """Time left at the pace so far, in proportion to the operations that the cells take."""
        spent = sum(self._spent.values())
        if spent <= 0:
            return ""
        left = (time.monotonic() - self._started) * (self._total - spent) / spent
        return f"about {duration(left)} left" if left >= 1 else ""


def _work(cells: list[Cell]) -> dict[str, float]:
    """How much of the whole each cell is, by key: in operations or, where those of any are unknown, in epochs."""
    operations = {cell.key: petaflop(cell) for cell in cells}
    known = {key: number for key, number in operations.items() if number is not None}
    if len(known) == len(operations):
        return known
    return {cell.key: float(cell.recipe.trained_epochs * forwards(cell)) for cell in cells}
