"""Submitting a plan: an intent on disk before sbatch is called, the job id after; nothing is lost or sent twice.

``root/submissions/ID/`` holds, for each array, ``NAME.jsonl`` (its manifest: the intent), ``NAME.sh`` (the batch
script), ``NAME.job`` (the job id, once there is one), and ``logs/``. Whose a job is, is said by its comment alone: ids
are given out again when a controller has crashed.
"""

import json
import os
import secrets
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sd import BadInput
from sd.cluster import slurm
from sd.cluster.manifest import Header, Work, read_keys, write_manifest
from sd.cluster.slurm import Entry, Wiring
from sd.cluster.snapshot import snapshot
from sd.durable import write_durably
from sd.plan.arrays import Array, Task, make_arrays
from sd.plan.resources import DEFAULTS, Profile, Resources, resources_for
from sd.plan.schedule import Plan
from sd.store.todo import Todo


@dataclass(frozen=True)
class Orders:
    """How a plan is to be run on the cluster: all that is not in its grids.

    Attributes:
        asked: resources that the command line names; they win over the grid's and the profile's.
        device: ``auto`` (a GPU where the resources ask for one), ``cpu`` or ``cuda``.
        db: absolute path or URL of the database that jobs put their facts into.
        max_parallel: how many tasks of one array may run at a time.
    """

    root: Path
    data_root: Path | None
    db: str | None
    profile: Profile
    asked: Resources
    device: str
    save_every: float
    max_parallel: int | None

    def resources(self, plan: Plan, keys: Collection[str]) -> dict[str, Resources]:
        """What each of these cells asks for: sd's default, then the profile, the grid, the command line."""
        found = {}
        for key in keys:
            step = plan.steps[key]
            site = resources_for(step.cell.arch, {"default": DEFAULTS}, dict(self.profile.resources))
            asked = self.asked.over(step.resources.over(site))
            found[key] = asked.model_copy(update={"gpus": 0}) if self.device == "cpu" else asked
        return found

    def kind(self, asked: Resources) -> str:
        """The kind of device that a job with these resources runs on: ``cuda`` or ``cpu``."""
        gpu = self.device == "cuda" or (self.device == "auto" and bool(asked.gpus))
        return "cuda" if gpu else "cpu"


@dataclass(frozen=True)
class Submission:
    """A plan's arrays, ready to be handed to SLURM."""

    arrays: list[Array]
    wiring: Wiring

    def script(self, array: Array) -> Path:
        return self.wiring.folder / f"{array.name}.sh"


@dataclass(frozen=True)
class Queued:
    """Where a cell is in the queue: its task, as squeue shows it, and the log that it writes."""

    entry: Entry
    log: Path
    manifest: Path

    @property
    def task(self) -> Task:
        return Task(self.entry.array, self.entry.index)


@dataclass
class Sent:
    """What came of a submission: job ids by array, and what sbatch said when it refused one, where it then ended."""

    jobs: dict[str, str] = field(default_factory=dict)
    refused: str | None = None


def in_queue(root: Path, entries: Sequence[Entry]) -> dict[str, Queued]:
    """Where each cell of this root is in SLURM's queue, by key. A job id that was not written down is written now."""
    found: dict[str, Queued] = {}
    tasks: dict[Path, dict[int, list[str]]] = {}
    for entry in entries:
        ours = slurm.read_comment(entry.comment)
        if ours is None:
            continue
        folder = root / "submissions" / ours[0]
        manifest = folder / f"{ours[1]}.jsonl"
        if manifest not in tasks:
            tasks[manifest] = read_keys(manifest) if manifest.exists() else {}
            if tasks[manifest]:
                _write_down(folder, ours[1], entry.array)
        for key in tasks[manifest].get(entry.index, []):
            if key not in found or entry.state == "RUNNING":
                found[key] = Queued(entry, slurm.log_path(folder, entry.array, entry.index), manifest)
    return found


def prepare(
    todo: Todo,
    orders: Orders,
    *,
    queued: Mapping[str, Queued],
    scores_before: Mapping[str, dict[str, float]],
    expected: Mapping[str, float],
    largest: int,
    dry: bool = False,
) -> Submission:
    """Make the arrays of the cells that are to be run, and write what their jobs need: code, manifests, batch scripts.

    Args:
        queued: the cells that are in the queue already (:func:`in_queue`).
        scores_before, expected: what is known of cells before they run; handed on to their jobs.
        largest: how many elements an array may have.
        dry: write nothing; the scripts then name folders that are not there.
    """
    plan = todo.plan
    resources = orders.resources(plan, todo.wanted)
    arrays = make_arrays(
        plan, todo.wanted, resources=resources, queued={key: it.task for key, it in queued.items()}, largest=largest
    )
    id_ = "DRY-RUN" if dry else f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    root = orders.root.absolute()
    folder = root / "submissions" / id_
    wiring = Wiring(
        grid=plan.name.replace(" ", ""),
        submission=id_,
        folder=folder,
        code=root / "code" / "DRY-RUN" if dry else snapshot(root),
        python=orders.profile.python or sys.executable,
        profile=orders.profile,
        max_parallel=orders.max_parallel,
    )
    submission = Submission(arrays, wiring)
    if dry:
        return submission
    (folder / "logs").mkdir(parents=True)
    note = {"grid": wiring.grid, "made": datetime.now(UTC).isoformat(timespec="seconds"), "command": sys.argv}
    write_durably(folder / "submission.json", json.dumps(note, indent=1).encode())
    for array in arrays:
        tasks = (
            (index, [Work(plan.steps[key], scores_before.get(key), expected.get(key)) for key in keys])
            for index, keys in sorted(array.tasks.items())
        )
        write_manifest(wiring.manifest(array), _header(array, wiring, orders), tasks)
        submission.script(array).write_text(slurm.batch_script(array, wiring))
    return submission


def send(submission: Submission, lock: int, tell: Callable[[Array, str], None]) -> Sent:
    """Hand the arrays to sbatch, teachers first, and write each job id down; ends where sbatch refuses one.

    What comes after a refused array is as good as never planned: its manifest is taken away, and the next launch plans
    it anew. The refused one's stays: where sbatch gave up without an answer, the job may be there all the same.
    """
    sent = Sent()
    for number, array in enumerate(submission.arrays, start=1):
        dependency = array.after.spelled(sent.jobs) if array.after else None
        try:
            job = slurm.submit(submission.script(array), dependency=dependency, keep_open=[lock])
        except slurm.Refused as error:
            sent.refused = f"{array.name}: {error}"
            for unsent in submission.arrays[number:]:
                submission.wiring.manifest(unsent).unlink()
                submission.script(unsent).unlink()
            return sent
        _write_down(submission.wiring.folder, array.name, job)
        sent.jobs[array.name] = job
        tell(array, job)
    return sent


def write_scripts(submission: Submission, folder: Path) -> None:
    """Write the batch scripts and a ``submit.sh`` that chains them into ``folder``, to be run where sbatch is.

    Raises:
        BadInput: the folder holds something already, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput(f"--scripts {folder}: is not empty; give a new folder")
        for array in submission.arrays:
            (folder / f"{array.name}.sh").write_text(slurm.batch_script(array, submission.wiring))
        chain = folder / "submit.sh"
        chain.write_text(slurm.submit_script(submission.arrays))
        chain.chmod(0o755)
    except OSError as error:
        raise BadInput(f"--scripts {folder}: cannot be written ({error.strerror}); give another folder") from None


@dataclass(frozen=True)
class Submitted:
    """A task that a cell was part of: its array's job id, if it is known, its index, and its log."""

    job: str | None
    index: int
    log: Path | None

    @property
    def id(self) -> str:
        return f"{self.job}_{self.index}"


def submitted(root: Path, keys: Collection[str]) -> dict[str, Submitted]:
    """The newest task that each of these cells was submitted in, by key, whether or not it is still in the queue."""
    found: dict[str, Submitted] = {}
    wanted = set(keys)
    for manifest in sorted((root / "submissions").glob("*/*.jsonl"), reverse=True):
        if not wanted - found.keys():
            break
        job_file = manifest.with_suffix(".job")
        job = job_file.read_text().strip() if job_file.exists() else None
        for index, inside in read_keys(manifest).items():
            for key in inside:
                if key in wanted and key not in found:
                    log = slurm.log_path(manifest.parent, job, index) if job else None
                    found[key] = Submitted(job, index, log)
    return found


def _header(array: Array, wiring: Wiring, orders: Orders) -> Header:
    return Header(
        grid=wiring.grid,
        submission=wiring.submission,
        array=array.name,
        comment=wiring.comment(array),
        root=str(orders.root.absolute()),
        data_root=str(orders.data_root.absolute()) if orders.data_root else None,
        db=orders.db,
        code=str(wiring.code),
        device=orders.kind(array.resources),
        pack=array.resources.pack or 1,
        save_every=orders.save_every,
    )


def _write_down(folder: Path, array: str, job: str) -> None:
    path = folder / f"{array}.job"
    if not path.exists() or path.read_text().strip() != job:
        write_durably(path, f"{job}\n".encode())


def db_for_jobs(db: str | None) -> str | None:
    """The database as a job finds it: an absolute path or a URL; ``None``, so that it asks SD_DB, for one with a
    password, which is to stand in no file."""
    target = db or os.environ.get("SD_DB") or "results.db"
    if "://" not in target:
        return str(Path(target).absolute())
    from sqlalchemy.engine import make_url

    return None if make_url(target).password else target
