"""How far something long has come: bars in a terminal, a line now and then elsewhere."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from sd.render.words import duration

SECONDS_BETWEEN_LINES = 30.0


class Counting:
    """Told how much of each thing is done, it shows the count and the time left."""

    def __init__(self, console: Console) -> None:
        self._bars: dict[str, TaskID] = {}
        self._begun: dict[str, tuple[float, int]] = {}
        self._said = time.monotonic()
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)

    def __enter__(self) -> "Counting":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` are done."""
        now = time.monotonic()
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=total)
            self._begun[what] = now, done
        self._progress.update(self._bars[what], completed=done)
        if self._progress.disable and now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            self.say(f"{what}: {done:,} of {total:,}{self._left(what, done, total, now)}")

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _left(self, what: str, done: int, total: int, now: float) -> str:
        """Time left at the pace since this process began with it: what a killed one has done took none of its time."""
        since, before = self._begun[what]
        return f", about {duration((now - since) * (total - done) / (done - before))} left" if done > before else ""
