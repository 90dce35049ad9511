"""Submitting a plan: an intent on disk before sbatch is called, the job id after; nothing is lost or sent twice.

``root/submissions/ID/`` holds, for each array, ``NAME.jsonl`` (its manifest: the intent), ``NAME.sh`` (the batch
script), ``NAME.job`` (the job id, once there is one), and ``logs/``.
"""

import contextlib
import json
import secrets
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sd import BadInput
from sd.cluster import slurm
from sd.cluster.ledger import QueuedTask, job_file_of, write_job_down
from sd.cluster.manifest import Header, Work, read_keys, write_manifest
from sd.cluster.modules import folders_of
from sd.cluster.scripts import Wiring, batch_script, submit_script
from sd.cluster.snapshot import snapshot
from sd.durable import write_durably
from sd.plan.arrays import Array, make_arrays
from sd.plan.resources import DEFAULTS, Profile, Resources, resources_for
from sd.plan.schedule import Plan
from sd.store.target import command_without_secrets
from sd.store.todo import Todo

# What a submission says of itself.
_NOTE = "submission.json"

# The time in a submission's id.
_TIME = "%Y%m%dT%H%M%S"


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
        steps = [plan.steps[key] for key in keys]
        alike = {(step.cell.arch, id(step.resources)): step for step in steps}
        each = {}
        for place, step in alike.items():
            site = resources_for(step.cell.arch, {"default": DEFAULTS}, dict(self.profile.resources))
            asked = self.asked.over(step.resources.over(site))
            each[place] = asked.model_copy(update={"gpus": 0}) if self.device == "cpu" else asked
        return {step.cell.key: each[step.cell.arch, id(step.resources)] for step in steps}

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


@dataclass
class Sent:
    """What came of a submission: job ids by array, and what sbatch said when it refused one, where it then ended."""

    jobs: dict[str, str] = field(default_factory=dict)
    refused: str | None = None


def doomed(todo: Todo, tasks: Sequence[QueuedTask]) -> list[QueuedTask]:
    """Waiting tasks whose ancestors are to be trained anew: what they wait for is gone, so they would end."""
    anew = todo.wanted - todo.done.trained
    found = []
    for task in tasks:
        cells = [todo.plan.steps[key].cell for key in task.keys if key in todo.plan.steps]
        orphans = (ancestor.key in anew for cell in cells for ancestor in cell.lineage[:-1])
        if task.entry.state == "PENDING" and any(orphans):
            found.append(task)
    return found


def prepare(
    todo: Todo,
    orders: Orders,
    *,
    resources: Mapping[str, Resources],
    queued: Mapping[str, QueuedTask],
    scores_before: Mapping[str, dict[str, float]],
    expected: Mapping[str, float],
    largest: int,
    scripts: Path | None = None,
    dry: bool = False,
) -> Submission:
    """Make the arrays of the cells that are to be run, and write what their jobs need: code, manifests, batch scripts.

    Args:
        resources: what each of them asks for (:meth:`Orders.resources`).
        queued: the cells that are in the queue already (``sd.cluster.ledger.by_cell``).
        scores_before, expected: what is known of cells before they run; handed on to their jobs.
        largest: how many elements an array may have.
        scripts: the folder that batch scripts are written into, instead of being submitted.
        dry: write nothing; the scripts then name folders that are not there.
    """
    plan = todo.plan
    arrays = make_arrays(
        plan, todo.wanted, resources=resources, queued={key: it.task for key, it in queued.items()}, largest=largest
    )
    root = orders.root.absolute()
    id_ = "DRY-RUN" if dry else _new_id(root)
    odd = next((sign for sign in "%:\\\n" if sign in str(root)), None)
    if odd:
        raise BadInput(f"--root {root}: SLURM takes the sign {odd!r} in a path for something else; give another --root")
    folder = root / "submissions" / id_
    wiring = Wiring(
        grid=plan.name.replace(" ", ""),
        submission=id_,
        folder=folder,
        code=root / "code" / "DRY-RUN" if dry else snapshot(root),
        python=orders.profile.python or sys.executable,
        profile=orders.profile,
        max_parallel=orders.max_parallel,
        own=tuple(folders_of(name for step in todo.steps for name in (step.cell.arch, step.cell.dataset))),
    )
    submission = Submission(arrays, wiring)
    if dry:
        return submission
    _supersede_scripts(root, todo.wanted)
    (folder / "logs").mkdir(parents=True)
    note = {
        "grid": wiring.grid,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_without_secrets(sys.argv),
    }
    if scripts:
        note["scripts"] = str(scripts.absolute())
    write_durably(folder / _NOTE, json.dumps(note, indent=1).encode())
    for array in arrays:
        tasks = [
            (index, [Work(plan.steps[key], scores_before.get(key), expected.get(key)) for key in keys])
            for index, keys in sorted(array.tasks.items())
        ]
        write_manifest(wiring.manifest(array), _header(array, wiring, orders), tasks)
    return submission


def _new_id(root: Path) -> str:
    """A submission's id: the time and six random digits; it sorts after every earlier one, whatever the clock says."""
    times = [path.name.partition("-")[0] for path in (root / "submissions").glob("[0-9]*T[0-9]*-*")]
    now = datetime.now(UTC)
    for newest in sorted(times, reverse=True):
        with contextlib.suppress(ValueError, OverflowError):
            now = max(now, datetime.strptime(newest, _TIME).replace(tzinfo=UTC) + timedelta(seconds=1))
            break
    return f"{now:{_TIME}}-{secrets.token_hex(3)}"


def _supersede_scripts(root: Path, wanted: Collection[str]) -> None:
    """Take away the manifests of batch scripts that were written and not submitted, where their cells are wanted now.

    Their ``submit.sh`` then says so, instead of running these cells twice.

    Raises:
        BadInput: what a submission says of itself cannot be read, so that it is not known whether it is one of these.
    """
    for path in (root / "submissions").glob(f"*/{_NOTE}"):
        if "scripts" in _read_note(path):
            for manifest in path.parent.glob("*.jsonl"):
                keys = {key for inside in read_keys(manifest).values() for key in inside}
                if not job_file_of(manifest).exists() and not keys.isdisjoint(wanted):
                    manifest.unlink()


def _read_note(path: Path) -> dict[str, str]:
    """What a submission says of itself."""
    try:
        note = json.loads(path.read_bytes())
        if not isinstance(note, dict):
            raise ValueError("not a JSON object")
    except (OSError, ValueError) as error:
        hint = f"if none of its batch scripts is to be run any more, remove {path.parent}"
        raise BadInput(f"{path}: cannot be read: {error}; {hint}") from None
    return note


def send(submission: Submission, lock: int, tell: Callable[[Array, str], None]) -> Sent:
    """Hand the arrays to sbatch, teachers first, and write each job id down; ends where sbatch refuses one.

    What comes after a refused array is as good as never planned: its manifest is taken away, and the next launch plans
    it anew. The refused one's stays: where sbatch gave up without an answer, the job may be there all the same.
    """
    sent = Sent()
    for number, array in enumerate(submission.arrays, start=1):
        dependency = array.after.spelled(sent.jobs) if array.after else None
        submission.script(array).write_text(batch_script(array, submission.wiring))
        try:
            job = slurm.submit(submission.script(array), dependency=dependency, keep_open=[lock])
        except slurm.Refused as error:
            sent.refused = f"{array.name}: {error}"
            for unsent in submission.arrays[number:]:
                submission.wiring.manifest(unsent).unlink()
            return sent
        write_job_down(submission.wiring.manifest(array), job)
        sent.jobs[array.name] = job
        tell(array, job)
    return sent


def check_scripts_folder(folder: Path) -> None:
    """Raise ``BadInput`` unless the folder for batch scripts is new or empty, and can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput(f"--scripts {folder}: is not empty; give a new folder")
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInput(f"--scripts {folder}: cannot be written ({error.strerror}); give another folder") from None


def write_scripts(submission: Submission, folder: Path) -> Path:
    """Write the batch scripts and a ``submit.sh`` that chains them into ``folder``; returns the latter's path.

    They are to be run where sbatch is, and find the code and the manifests in the folder of runs.
    """
    for array in submission.arrays:
        (folder / f"{array.name}.sh").write_text(batch_script(array, submission.wiring))
    chain = folder / "submit.sh"
    chain.write_text(submit_script(submission.arrays, submission.wiring))
    chain.chmod(0o755)
    return chain


def _header(array: Array, wiring: Wiring, orders: Orders) -> Header:
    return Header(
        grid=wiring.grid,
        comment=wiring.comment(array),
        root=str(orders.root.absolute()),
        data_root=str(orders.data_root.absolute()) if orders.data_root else None,
        db=orders.db,
        code=str(wiring.code),
        device=orders.kind(array.resources),
        pack=array.resources.pack or 1,
        save_every=orders.save_every,
    )
