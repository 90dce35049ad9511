"""Running a plan on this machine: long-lived worker processes, each student after its own teacher."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Protocol

from sd import BadInput
from sd.plan.cell import Cell
from sd.plan.schedule import Plan, Step
from sd.store.database import Database
from sd.store.record import cell_folder, records_of

# A cell whose worker dies (killed, out of memory) is tried again this often; it goes on from its last saved state.
RETRIES = 1


@dataclass(frozen=True)
class Workers:
    """How this machine is divided: ``count`` processes with ``threads`` each, one device a process."""

    count: int
    threads: int
    devices: tuple[str, ...]


@dataclass(frozen=True)
class Folders:
    """Where a run keeps its checkpoints and records, and where data sets lie."""

    root: Path
    data_root: Path | None


class Listener(Protocol):
    """Who is told how a run goes on."""

    def started(self, cell: Cell) -> None:
        """A worker has begun with a cell."""

    def epoch(self, cell: Cell, facts: dict[str, Any]) -> None:
        """A cell has finished an epoch; ``facts`` are the columns of table ``epochs``."""

    def measuring(self, cell: Cell, line: str, done: int) -> None:
        """A measure of a cell says what it needs, before it has ``done`` anything, or how far it is."""

    def finished(self, cell: Cell, seconds: float) -> None:
        """A cell is done, with all its measures, and its facts are in the database."""

    def failed(self, cell: Cell, error: str, lost: int) -> None:
        """A cell failed, and ``lost`` cells that descend from it will not be run."""

    def warned(self, line: str) -> None:
        """A record could not be taken into the database now; it is kept."""

    def stopping(self) -> None:
        """The run was asked to stop; the workers save their state."""


@dataclass
class Outcome:
    """How a run ended: keys of cells that were done, the error of each that failed, and whether it was stopped."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    stopped: bool = False


def divide_machine(workers: int | None, device: str, cells: int) -> Workers:
    """Workers × threads = cores; one GPU a worker where there are GPUs.

    Args:
        workers: how many processes, or ``None`` for one a GPU or, without GPUs, one a core.
        device: ``auto``, ``cpu`` or ``cuda``.
        cells: how many there are to run; more workers than that are not started.
    """
    cores = len(os.sched_getaffinity(0))
    gpus = 0 if device == "cpu" else count_gpus()
    if device == "cuda" and not gpus:
        raise BadInput("--device cuda: no NVIDIA GPU was found here; use --device cpu")
    count = max(1, min(workers or (gpus or cores), cells))
    devices = tuple(f"cuda:{index % gpus}" for index in range(count)) if gpus else ("cpu",) * count
    return Workers(count, max(1, cores // count), devices)


def count_gpus() -> int:
    """NVIDIA GPUs that this process may use, counted without torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in {"", "-1"}])
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


@dataclass
class _Worker:
    process: SpawnProcess
    link: Connection
    step: Step | None = None
    since: float = 0.0


@dataclass
class LocalRun:
    """One run of a plan on this machine: which cells are ready, who works on what, and what has come of it.

    Attributes:
        wanted: keys of the cells to run; a teacher that is not among them must have its checkpoint already.
        scores_before: what is known of earlier trainings of these cells (``sd.store.progress.scores_in``).
        expected: seconds that each cell was thought to take, where that was said.
        database: where facts go as they come, or ``None`` to leave them to the records.
        save_every: seconds between two saved states of a cell.
        stop_on: the signals that stop the run, besides SIGINT.
        patience: seconds that workers get for saving their state when the run is stopped; ``None``: as many as needed.
    """

    plan: Plan
    wanted: set[str]
    scores_before: dict[str, dict[str, float]]
    expected: Mapping[str, float]
    folders: Folders
    database: Database | None
    workers: Workers
    save_every: float
    listener: Listener
    stop_on: tuple[signal.Signals, ...] = (signal.SIGTERM,)
    patience: float | None = None

    def go(self) -> Outcome:
        """Run the wanted cells, teachers first, and put their facts into the database as they come.

        A failed cell ends only its own descendants. SIGINT or a signal of ``stop_on`` stops the run: each worker saves
        its state, so that the same command goes on from there; a second SIGINT ends the workers at once, back to their
        last saved state. To be called from the main thread, which alone receives signals.
        """
        self._waiting = [step for key, step in self.plan.steps.items() if key in self.wanted]
        self._tries: dict[str, int] = {}
        self._outcome = Outcome()
        self._context = multiprocessing.get_context("spawn")
        with _held():
            self._stop = self._context.Event()
        self._workers: list[_Worker] = []
        with self._signals_as_interrupt():
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, self.stop_on)
                for device in self.workers.devices:
                    self._workers.append(self._start(device))
                self._until_done()
                self._over = True  # from here on there is nothing for a signal to stop
                self._stop.set()
            except KeyboardInterrupt:
                self._stop_all()
            finally:
                self._dismiss()
        return self._outcome

    def _until_done(self) -> None:
        while True:
            for worker in self._workers:
                if worker.step is None:
                    self._give_work(worker)
            if all(worker.step is None for worker in self._workers):
                return
            self._hear()
            if self._come:  # a signal whose exception was lost where Python lets none through, as in a destructor
                raise KeyboardInterrupt

    def _hear(self, timeout: float | None = None) -> None:
        """Take what the workers say, or notice that one has died."""
        by_handle: dict[Any, _Worker] = {}
        for worker in self._workers:
            by_handle |= {worker.link: worker, worker.process.sentinel: worker}
        for worker in {id(it): it for it in (by_handle[handle] for handle in wait(list(by_handle), timeout))}.values():
            try:
                while worker.link.poll():
                    self._message(worker, *worker.link.recv())
            except (EOFError, OSError):
                self._died(worker)

    def _message(self, worker: _Worker, kind: str, *content: Any) -> None:
        assert worker.step is not None, "a worker speaks only of the step it was given"
        cell = worker.step.cell
        if kind == "epoch":
            self.listener.epoch(cell, content[0])
            return
        if kind == "measuring":
            self.listener.measuring(cell, *content)
            return
        worker.step = None
        if self.database:
            for line in self.database.ingest(records_of(cell_folder(self.folders.root, cell.key))).refused:
                self.listener.warned(line)
        if kind == "done":
            self._outcome.done.append(cell.key)
            self.listener.finished(cell, time.monotonic() - worker.since)
        elif kind == "failed":
            self._fail(cell, content[0])

    def _fail(self, cell: Cell, error: str) -> None:
        doomed = self.plan.descendants(cell.key)
        lost = [step for step in self._waiting if step.cell.key in doomed]
        self._waiting = [step for step in self._waiting if step.cell.key not in doomed]
        self._outcome.failed[cell.key] = error
        self.listener.failed(cell, error, len(lost))

    def _died(self, worker: _Worker) -> None:
        """A worker is gone without a word: start another, and try its cell again unless it has killed two."""
        worker.process.join()
        code = worker.process.exitcode
        step, place = worker.step, self._workers.index(worker)
        if step is not None:
            key = step.cell.key
            self._tries[key] = self._tries.get(key, 0) + 1
            if self._tries[key] > RETRIES:
                self._fail(step.cell, f"its worker died {self._tries[key]} times (exit code {code}); out of memory?")
            else:
                self._waiting.insert(0, step)
        if not self._stop.is_set():
            self._workers[place] = self._start(self.workers.devices[place])
        else:
            worker.step = None

    def _give_work(self, worker: _Worker) -> None:
        """The first waiting cell whose teacher and members are neither waiting nor being made."""
        unfinished = {step.cell.key for step in self._waiting}
        unfinished |= {other.step.cell.key for other in self._workers if other.step}
        for index, step in enumerate(self._waiting):
            if not unfinished.intersection(parent.key for parent in step.cell.parents):
                del self._waiting[index]
                worker.step, worker.since = step, time.monotonic()
                key = step.cell.key
                worker.link.send((step, self.scores_before.get(key), self.expected.get(key)))
                self.listener.started(step.cell)
                return

    def _start(self, device: str) -> _Worker:
        ours, theirs = self._context.Pipe()
        arguments = (theirs, self._stop, self.folders, device, self.workers.threads, self.save_every)
        process = self._context.Process(target=_work, args=arguments, daemon=True)
        with _held():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _stop_all(self) -> None:
        """Ask every worker to save its state, and wait for that; an impatient user may interrupt again."""
        self._outcome.stopped = True
        self._stop.set()
        self.listener.stopping()
        end = None if self.patience is None else time.monotonic() + self.patience
        with contextlib.suppress(KeyboardInterrupt):
            while any(worker.step for worker in self._workers) and (end is None or time.monotonic() < end):
                self._hear(None if end is None else max(0.0, end - time.monotonic()))

    @contextlib.contextmanager
    def _signals_as_interrupt(self) -> Iterator[None]:
        """Signals of ``stop_on`` stop like Ctrl-C does, but of them a second one changes nothing."""
        self._come: list[int] = []
        self._over = False

        # Of plain attributes alone: a signal may come while this very thread holds the lock of the workers' event.
        def interrupt(number: int, _: Any) -> None:
            self._come.append(number)
            first = len(self._come) == 1 and not self._over
            if first or number == signal.SIGINT:
                raise KeyboardInterrupt

        before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, *self.stop_on)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _dismiss(self) -> None:
        for worker in self._workers:
            worker.link.close()
            if worker.step is not None:
                worker.process.kill()
            worker.process.join()


# Signals that are the parent's business, though a terminal or SLURM sends them to every process.
_PARENTS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)


@contextlib.contextmanager
def _held() -> Iterator[None]:
    """Hold the parent's signals back while a process is started, which begins its life with them held back, too."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PARENTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(link: Connection, stop: Event, folders: Folders, device: str, threads: int, save_every: float) -> None:
    """A worker's life: do the steps that come through the link until it closes, and never outlive the parent."""
    for number in _PARENTS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PARENTS)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    from sd.cluster.task.place import Place, Watch
    from sd.cluster.task.step import run_step
    from sd.train.trainer import Stopped

    place = Place(folders.root, folders.data_root, device, threads, save_every)
    while True:
        try:
            step, scores, expected = link.recv()
        except (EOFError, OSError):
            return
        watch = Watch(
            on_epoch=lambda facts: link.send(("epoch", vars(facts))),
            on_measure=lambda line, done: link.send(("measuring", line, done)),
            should_stop=stop.is_set,
        )
        try:
            run_step(step, place, watch, scores_before=scores, expected_seconds=expected)
            link.send(("done",))
        except Stopped:
            link.send(("stopped",))
        except Exception as error:
            link.send(("failed", f"{type(error).__name__}: {error}".splitlines()[0]))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
