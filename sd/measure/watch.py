"""How a measure tells what it needs and how far it is."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Watch:
    """What a measure calls.

    Attributes:
        say: one line, before the work starts: how much memory it will take.
        advance: what is being done, how many parts of it are done, and of how many. It may raise, to stop the measure:
            what was found so far is saved first, where it is saved at all.
    """

    say: Callable[[str], None] = lambda line: None
    advance: Callable[[str, int, int], None] = lambda doing, done, total: None


@contextmanager
def bar() -> Iterator[Watch]:
    """A watch that draws a progress bar on a terminal's standard error, and nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield Watch()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        rows: dict[str, int] = {}

        def advance(doing: str, done: int, total: int) -> None:
            if doing not in rows:
                rows[doing] = int(progress.add_task(doing, total=total))
            progress.update(progress.task_ids[rows[doing]], completed=done, total=total)

        yield Watch(progress.console.print, advance)
