"""The program that runs in a SLURM job: ``python -m sd.cluster.job MANIFEST`` does one task of an array.

It starts a process for each cell of its pack, hands SLURM's signals on to them as a wish to save their state, puts the
job back into the queue when it has to go before it is done, and ends with 0 only if what it was to do is done.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from sd import BadInput
from sd.cluster import slurm
from sd.cluster.local import Folders, LocalRun, Outcome, Workers
from sd.cluster.manifest import Header, Work, read_task
from sd.durable import not_for_everybody
from sd.plan.cell import Cell
from sd.plan.resources import SIGNAL_LEAD
from sd.plan.schedule import Plan
from sd.store.database import Database, open_database
from sd.store.patience import patience

# What SLURM sends before a time limit or a preemption, and when a job is cancelled.
_SIGNALS = (signal.SIGUSR2, signal.SIGTERM)

# Seconds for saving the state when a signal has come; the rest of the lead is for going back into the queue.
_TO_SAVE = SIGNAL_LEAD * 0.6


# A job that has been put back so often, and again has come no further, is not put back any more.
_FRUITLESS = 3


class Log:
    """Listens to the run and writes a line for each thing that happens; an epoch's at most every ten seconds.

    Attributes:
        moved: whether any cell has finished an epoch or a part of a measure, or is done.
    """

    def __init__(self) -> None:
        self.moved = False
        self._last = 0.0

    def started(self, cell: Cell) -> None:
        self._say(f"begun: {cell.label} ({cell.key})")

    def epoch(self, cell: Cell, facts: dict[str, Any]) -> None:
        self.moved = True
        if time.monotonic() - self._last >= 10 or facts["epoch"] == cell.recipe.trained_epochs:
            self._last = time.monotonic()
            scored = "" if facts["test_top1"] is None else f", test {facts['test_top1']:.2f} %"
            place = f"epoch {facts['epoch']}/{cell.recipe.trained_epochs}"
            self._say(f"{cell.label}: {place}, train loss {facts['train_loss']:.4f}{scored}")

    def measuring(self, cell: Cell, line: str, done: int) -> None:
        self.moved = self.moved or done > 0
        if not done or time.monotonic() - self._last >= 60:
            self._last = time.monotonic()
            self._say(f"{cell.label}: {line}")

    def finished(self, cell: Cell, seconds: float) -> None:
        self.moved = True
        self._say(f"done: {cell.label} in {seconds:.1f} s")

    def failed(self, cell: Cell, error: str, lost: int) -> None:
        self._say(f"failed: {cell.label}: {error}")

    def warned(self, line: str) -> None:
        self._say(line)

    def stopping(self) -> None:
        self._say("a signal has come; saving the state")

    def _say(self, line: str) -> None:
        print(time.strftime("%H:%M:%S"), line, flush=True)


def main(manifest: Path) -> int:
    """Do the task that SLURM's environment names; the exit code of the job."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # until the run is ready for them
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # when the run is over; SLURM sends both before a preemption
    index = os.environ["SLURM_ARRAY_TASK_ID"]
    job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{index}"  # SLURM_JOB_ID of one of the tasks is that of the whole array
    try:
        header, works = read_task(manifest, int(index))
    except BadInput as error:
        print(f"job {job}: {error}", flush=True)
        return 2
    restarts = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
    print(f"job {job} on {os.uname().nodename}, restart {restarts}, code {header.code}", flush=True)
    slurm.name_cells(job, header.comment, [work.step.cell.key for work in works])
    log = Log()
    outcome = _run(header, works, log)
    if outcome.stopped and len(outcome.done) < len(works):
        if restarts >= _FRUITLESS and not log.moved:
            print("not queued again, for it came no further: an epoch, or a measure, takes more hours", flush=True)
            return 1
        return _go_back(job)
    # The others of a pack have done their work: their students are to run, and find out by the records which can.
    return 1 if outcome.failed and not outcome.done else 0


def _run(header: Header, works: list[Work], log: Log) -> Outcome:
    steps = {work.step.cell.key: work.step for work in works}
    count = min(header.pack, len(works))
    cpus = int(os.environ.get("SLURM_CPUS_PER_TASK") or 1)
    gpus = max(1, int(os.environ.get("SLURM_GPUS_ON_NODE") or 1))
    devices = ("cpu",) * count if header.device == "cpu" else tuple(f"cuda:{n % gpus}" for n in range(count))
    return LocalRun(
        Plan(header.grid, steps),
        set(steps),
        {work.step.cell.key: work.scores_before for work in works if work.scores_before},
        {work.step.cell.key: work.expected_seconds for work in works if work.expected_seconds},
        folders=Folders(Path(header.root), Path(header.data_root) if header.data_root else None),
        database=_database(header),
        workers=Workers(count, max(1, cpus // header.pack), devices),  # as many threads however many cells are left
        save_every=header.save_every,
        listener=log,
        stop_on=_SIGNALS,
        patience=_TO_SAVE,
    ).go()


def _database(header: Header) -> Database | None:
    """The database; without it the facts wait in the records for the next report or launch."""
    kept = "the records are kept; take them in with: python -m sd.db ingest"
    if header.db is None and not os.environ.get("SD_DB"):
        print(f"SD_DB is not set here, and a URL with a password stands in no file; {kept}", flush=True)
        return None
    try:
        return open_database(header.db, create=True, wait=patience())
    except BadInput as error:
        print(f"{error}; {kept}", flush=True)
        return None


def _go_back(job: str) -> int:
    """Back into the queue, under the same id, so that what waits for this job goes on waiting.

    Not if SLURM has told it to end: then it was cancelled, or SLURM itself puts it back. On success SLURM kills this
    process, which until then waits for that.
    """
    if not slurm.is_running(job):
        print("the state is saved; the job was told to end", flush=True)
        return 1
    try:
        slurm.requeue(job)
    except BadInput as error:
        print(f"the state is saved, but the job could not be queued again ({error}); launch the grid again", flush=True)
        return 1
    print("queued again", flush=True)
    time.sleep(60)
    return 1


if __name__ == "__main__":
    not_for_everybody()
    sys.exit(main(Path(sys.argv[1])))
