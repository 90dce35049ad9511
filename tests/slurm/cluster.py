"""A small real study on a real SLURM, run as a user runs it, and the hands that disturb it."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from study import Study, wait_for

# A teacher and its student, about eight seconds of training each on one core, with curvature; and a quick teacher.
GRID = """\
name: NAME
defaults: {dataset: digits, arch: resnet8, recipe: digits, aug: crop, seeds: 0,
           curvature: {samples: 20, probes: 2, steps: 3, splits: [train]}}
cells:
  - {epochs: 40, rounds: 1, alpha: 0.5, measure: [curvature]}
  - {epochs: 3}
resources: {default: {gpus: 0, cpus: 1, memory_gb: 2, hours: 1}}
"""


class SlurmStudy(Study):
    """A folder with a grid file whose name marks its jobs; commands run there, and SLURM is asked about them."""

    def __init__(self, folder: Path, grid: str = GRID) -> None:
        self.name = f"t{secrets.token_hex(4)}"
        super().__init__(folder, grid.replace("NAME", self.name))

    def begin(self, *arguments: str, path: Path | None = None) -> "subprocess.Popen[str]":
        """Begin ``sd.launch grid.yaml``; programs in ``path`` come before those of SLURM."""
        environment = os.environ | {"PATH": f"{path}:{os.environ['PATH']}"} if path else None
        command = [sys.executable, "-m", "sd.launch", "grid.yaml", "--partition", "gpu", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    def submit(self, *arguments: str, path: Path | None = None) -> str:
        """Submit; what the launcher printed."""
        process = self.begin("--save-every", "1", *arguments, path=path)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, out + err
        return out

    def jobs(self) -> list[dict[str, str]]:
        """What squeue says of this study's tasks."""
        names = ("id", "state", "reason", "node", "batch_host", "comment", "job")
        text = sh("squeue", "--noheader", "--array", "--format", "%i|%T|%r|%N|%B|%k|%A")
        rows = [dict(zip(names, line.split("|"), strict=True)) for line in text.splitlines()]
        return [row for row in rows if f"grid={self.name} " in row["comment"]]

    def wait(self, seconds: float = 300) -> None:
        """Until nothing of it is in the queue any more."""
        wait_for(lambda: not self.jobs(), seconds=seconds, every=0.5)

    def until_training(self, label: str, *, epoch: int = 2) -> dict[str, Any]:
        """Until the newest attempt of a cell has finished some epochs; what it says of itself."""

        def there() -> dict[str, Any] | None:
            facts = self.attempt(label)
            if facts is None:
                return None
            beat = self.folder / f"runs/cells/{facts['cell_key']}/attempts/{facts['number']:04}.beat"
            done = json.loads(beat.read_text()).get("epoch") if beat.exists() else None
            return facts if facts["status"] == "running" and (done or 0) >= epoch else None

        return wait_for(there, seconds=300)  # type: ignore[no-any-return]

    def attempts(self, label: str) -> list[dict[str, Any]]:
        """Every attempt at a cell, the first one first."""
        found = sorted((self.folder / "runs/cells" / self.cell(label)["key"] / "attempts").glob("*.json"))
        return [json.loads(path.read_text())["tables"]["attempts"][0] for path in found]

    def attempt(self, label: str) -> dict[str, Any] | None:
        """The newest attempt at a cell."""
        return next(reversed(self.attempts(label)), None)

    def status(self) -> dict[str, Any]:
        """What ``sd.status --json`` says."""
        done = self.run("status", "grid.yaml", "--json")
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def states(self) -> dict[str, int]:
        """How many cells are in which state."""
        return dict(Counter(cell["state"] for cell in self.status()["cells"]))

    def cell(self, label: str) -> dict[str, Any]:
        """What ``sd.status --json`` says of one cell."""
        (found,) = (cell for cell in self.status()["cells"] if label in cell["label"])
        return dict(found)

    def cancel_all(self) -> None:
        ids = sorted({row["id"].partition("_")[0] for row in self.jobs()})
        if ids:
            sh("scancel", *ids)
            self.wait(180)

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("runs/submissions/*/logs/*")))


def sh(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def accounts(job: str, fields: str = "JobID,State,Start,End") -> dict[str, list[str]]:
    """What sacct says of a job or array, by task."""
    text = sh("sacct", "--noheader", "--allocations", "--parsable2", "--jobs", job, "--format", fields)
    return {row[0]: row[1:] for row in (line.split("|") for line in text.splitlines())}


def daemon(name: str) -> int:
    """Process id of one of SLURM's daemons, as cluster-up started it."""
    return int(Path(os.environ.get("SLURM_UP_DIR", "/tmp/sd-slurm"), "run", f"{name}.pid").read_text())


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def cluster_up(**environment: str) -> None:
    """Start what is not running of the test cluster."""
    command = [str(Path(__file__).with_name("cluster-up"))]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def seconds(moment: str) -> float:
    """A time of sacct's, in seconds."""
    return time.mktime(time.strptime(moment, "%Y-%m-%dT%H:%M:%S"))
