"""Where a task works, and how it is watched."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sd.train.state import Epoch


@dataclass(frozen=True)
class Place:
    """Where a task works: folder of runs, folder of data sets, device, threads, and how often it saves its state."""

    root: Path
    data_root: Path | None
    device: str
    threads: int
    save_every: float


@dataclass(frozen=True)
class Watch:
    """How a task is watched: a call for each epoch, one for each word of a measure, and a question whether to stop."""

    on_epoch: Callable[[Epoch], None] = lambda _: None
    on_measure: Callable[[str, int], None] = lambda line, done: None
    should_stop: Callable[[], bool] = lambda: False
