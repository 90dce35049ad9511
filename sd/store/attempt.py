"""An attempt: one try at a cell, which holds the cell's folder until a newer attempt takes it over."""

import contextlib
import errno
import json
import os
import platform
import secrets
import socket
import subprocess
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sd import __version__
from sd.durable import sweep
from sd.store.record import BadRecord, read_record, write_record

# A copy of the code that a submission made says in this file, beside the package, which commit it is of.
SNAPSHOT_NOTE = "_snapshot.json"

# Seconds between two signs of life of an attempt that is busy with something long.
HEARTBEAT = 30.0

# What is said where a file system has no links.
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}

LIBRARIES = ("torch", "torchvision", "numpy", "pyhessian", "scikit-learn", "sqlalchemy", "sd")


class Fenced(Exception):
    """A newer attempt has taken this cell over; this one must not write any more."""


@dataclass
class AttemptFacts:
    """The columns of table ``attempts`` (``sql/README.md``)."""

    id: str
    cell_key: str
    number: int
    status: str
    started_at: str
    ended_at: str | None
    seconds: float | None
    error: str | None
    traceback: str | None
    host: str
    pid: int
    job_id: str | None
    restart_count: int
    device: str | None
    threads: int | None
    expected_seconds: float | None
    code_version: str
    code_clean: bool | None
    versions_json: str


class Attempt:
    """A lease on a cell's folder: ``attempts/0003.json``, created by one process alone, the highest number wins.

    The file is created under its final name in one step, so two processes never get the same number, and a process
    that finds a higher number than its own knows that it was fenced off.
    """

    def __init__(self, folder: Path, key: str) -> None:
        """Take the cell over. Raises ``OSError`` where the folder cannot be written."""
        self._folder = folder / "attempts"
        self._folder.mkdir(parents=True, exist_ok=True)
        commit, clean = code_version()
        self.facts = AttemptFacts(
            id=secrets.token_hex(8),
            cell_key=key,
            number=0,
            status="running",
            started_at=_now(),
            ended_at=None,
            seconds=None,
            error=None,
            traceback=None,
            host=socket.gethostname(),
            pid=os.getpid(),
            job_id=_job_id(),
            restart_count=int(os.environ.get("SLURM_RESTART_COUNT") or 0),
            device=None,
            threads=None,
            expected_seconds=None,
            code_version=commit,
            code_clean=clean,
            versions_json=_versions(),
        )
        self._begun = time.monotonic()
        self._doing: dict[str, Any] = {}
        self._beating = threading.Lock()
        self._claim()

    def check(self) -> None:
        """Raise :class:`Fenced` if a newer attempt has taken over; called before every write."""
        newest = max(_numbers(self._folder), default=0)
        if newest != self.facts.number:
            raise Fenced(f"attempt {newest} has taken over from attempt {self.facts.number}")

    def beat(self, **doing: Any) -> None:
        """Say that the attempt is alive, and how far it is (``epoch``, ``test_top1`` …), for whoever watches.

        No fact is in it: it is written without a guarantee, and a disk that is full does not end the attempt here.
        """
        self._doing |= doing
        with self._beating, contextlib.suppress(OSError):
            draft = self._folder / f".{self.facts.id}.beat.part"
            draft.write_text(json.dumps({"at": _now(), **self._doing}))
            draft.replace(_beat_file(self._folder, self.facts.number))

    @contextlib.contextmanager
    def heart(self) -> Iterator[None]:
        """Beat every half minute while the block runs, whatever it does."""
        over = threading.Event()

        def live() -> None:
            while not over.wait(HEARTBEAT):
                self.beat()

        self.beat()
        thread = threading.Thread(target=live, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def end(self, status: str, error: BaseException | None = None) -> None:
        """Write how the attempt ended: ``done``, ``stopped``, or ``failed`` with the error's one line and traceback."""
        seconds = time.monotonic() - self._begun
        self.facts.status = status
        self.facts.ended_at = _after(self.facts.started_at, seconds)
        self.facts.seconds = round(seconds, 3)
        if error is not None:
            self.facts.error = f"{type(error).__name__}: {error}".splitlines()[0]
            self.facts.traceback = "".join(traceback.format_exception(error))
        self._write(self._folder / _name(self.facts.number))

    def _claim(self) -> None:
        """Link a finished file to the next free number; whoever links first has it."""
        draft = self._folder / f".{self.facts.id}.attempt.part"
        while True:
            self.facts.number = max(_numbers(self._folder), default=0) + 1
            self._write(draft)
            try:
                _take(self._folder / _name(self.facts.number), draft)
                break
            except FileExistsError:
                continue
            finally:
                draft.unlink(missing_ok=True)
        _mark_lost(self._folder, self.facts.number)
        for folder in (self._folder, self._folder.parent):
            sweep(folder)

    def _write(self, path: Path) -> None:
        write_record(path, "attempt", {"attempts": [asdict(self.facts)]})


@dataclass(frozen=True)
class Newest:
    """A cell's newest attempt.

    Attributes:
        path: its file.
        facts: its columns; ``None`` if the file cannot be read.
        beat: its last sign of life (``at``, ``epoch``, ``test_top1``, ``seconds_per_epoch``); empty if there is none.
        written: when that was by the file system's clock, in seconds; ``None`` if there is none.
    """

    path: Path
    facts: dict[str, Any] | None
    beat: dict[str, Any]
    written: float | None


def newest_attempt(folder: Path) -> Newest | None:
    """The newest attempt at a cell; ``None`` if there is none."""
    attempts = folder / "attempts"
    number = max(_numbers(attempts), default=0)
    if not number:
        return None
    path = attempts / _name(number)
    try:
        written = _beat_file(attempts, number).stat().st_mtime
    except OSError:
        written = None
    return Newest(path, _columns(path), _last_beat(attempts, number), written)


def _take(path: Path, draft: Path) -> None:
    """Give a finished file a name that nobody has. Raises ``FileExistsError``."""
    try:
        os.link(draft, path)
    except FileExistsError:
        if draft.stat().st_nlink < 2:  # else the link was made, and NFS has lost the first answer
            raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        draft.replace(path)


def _columns(path: Path) -> dict[str, Any] | None:
    """The columns of an attempt's file; ``None`` where it cannot be read, or is none."""
    try:
        row = read_record(path)["tables"]["attempts"][0]
        moment(row["started_at"])
    except (BadRecord, LookupError, TypeError, ValueError):
        return None
    needed = {column.name for column in fields(AttemptFacts)} - {"expected_seconds"}
    return row if needed <= row.keys() else None


def moment(text: str) -> datetime:
    """A time as records have it; UTC where it does not say. Raises ``ValueError`` or ``TypeError`` if it is none."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _mark_lost(folder: Path, current: int) -> None:
    """Earlier attempts that still say ``running`` have lost the cell."""
    for number in _numbers(folder):
        path = folder / _name(number)
        row = _columns(path) if number < current else None
        if row and row["status"] == "running":
            write_record(path, "attempt", {"attempts": [row | _last_seen(folder, row)]})


def _last_seen(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """How a lost attempt ended: at its last sign of life, as far as that is known."""
    at = _last_beat(folder, facts["number"]).get("at")
    if at is None:
        return {"status": "lost"}
    seconds = max(0.0, (moment(at) - moment(facts["started_at"])).total_seconds())
    return {"status": "lost", "ended_at": at if seconds else facts["started_at"], "seconds": round(seconds, 3)}


# What a sign of life says, with the types that it has.
_BEAT: dict[str, tuple[type, ...]] = {
    "at": (str,),
    "epoch": (int,),
    "test_top1": (int, float),
    "seconds_per_epoch": (int, float),
}


def _last_beat(folder: Path, number: int) -> dict[str, Any]:
    """What the last sign of life of an attempt says; nothing, if there is none or it cannot be read."""
    try:
        said = json.loads(_beat_file(folder, number).read_text())
        moment(said["at"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return {name: value for name, value in said.items() if isinstance(value, _BEAT.get(name, ()))}


def _name(number: int) -> str:
    return f"{number:04}.json"


def _beat_file(folder: Path, number: int) -> Path:
    return folder / f"{number:04}.beat"


def _numbers(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit()]


def _job_id() -> str | None:
    """The SLURM job that this process runs in, as squeue names it: ``123``, or ``123_4`` for an array's task."""
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array and index else os.environ.get("SLURM_JOB_ID")


def _after(start: str, seconds: float) -> str:
    """The time now, and at least so long after ``start``, if the clock was set back meanwhile."""
    return max(datetime.now(UTC), moment(start) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _versions() -> str:
    found: dict[str, Any] = {"python": platform.python_version(), "platform": platform.platform()}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return json.dumps(found)


@cache
def code_version() -> tuple[str, bool | None]:
    """The git commit of the running code and whether the tree was clean; the package version outside of a checkout."""
    here = Path(__file__).resolve().parents[2]
    note = here / "sd" / SNAPSHOT_NOTE
    if note.exists():
        said = json.loads(note.read_text())
        return said["commit"], said["clean"]
    try:
        if not (here / ".git").exists():
            raise OSError
        commit = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", "sd", "sql")
    except (OSError, subprocess.SubprocessError):
        return __version__, None
    return commit, not changed


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()
