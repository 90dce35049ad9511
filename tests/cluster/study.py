"""A small real study on digits, run as a user runs it: in a subprocess, in a folder of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

GRID = """\
name: small
defaults: {dataset: digits, arch: resnet8, recipe: digits, aug: crop, epochs: 4, seeds: [0], rounds: 1, alpha: 0.5}
cells:
  - {sam: true, measure: [curvature], curvature: {samples: 20, probes: 2, steps: 3, splits: [train]}}
"""


class Study:
    """A folder with a grid file, and the commands that are run there."""

    def __init__(self, folder: Path, grid: str = GRID) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "grid.yaml").write_text(grid)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin ``sd.launch grid.yaml --local`` with one worker, which makes the threads, and so the bits, the same."""
        command = [sys.executable, "-m", "sd.launch", "grid.yaml", "--local", "--workers", "1", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def launch(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=900)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, verb: str, *arguments: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        command = [*before, sys.executable, "-m", f"sd.{verb}", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=900)

    def records(self, kind: str) -> list[dict[str, Any]]:
        pattern = {"train": "train.json", "curvature": "curvature-*.json", "attempt": "attempts/*.json"}[kind]
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob(f"runs/cells/*/{pattern}"))]

    def facts(self) -> dict[str, Any]:
        """Every number of the study that must not depend on interruptions, checkpoint hashes among them."""
        found: dict[str, Any] = {}
        for record in self.records("train"):
            tables = record["tables"]
            found[tables["cells"][0]["label"]] = {
                "cell": tables["cells"],
                "epochs": [{k: v for k, v in row.items() if k != "seconds"} for row in tables["epochs"]],
                "checkpoints": tables["checkpoints"],
                "evaluations": [{k: v for k, v in row.items() if k != "attempt_id"} for row in tables["evaluations"]],
            }
        for record in self.records("curvature"):
            for row in record["tables"]["curvature"]:
                place = (row["cell_key"], row["checkpoint"], row["split"])
                found[str(place)] = (row["trace"], row["lambda_max"], row["checkpoint_sha256"])
        return found


def wait_for(condition: Callable[[], Any], *, seconds: float = 300, every: float = 0.005) -> Any:
    """The first true value of ``condition``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(every)
    raise AssertionError("waited in vain")
