"""A signal that comes while the launcher itself holds the lock of the event by which it stops its workers."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import multiprocessing, os, signal
from multiprocessing.context import SpawnContext
from pathlib import Path
from sd.cluster.local import Folders, LocalRun, Workers
from sd.plan.schedule import Plan
from sd.render.live import Display
from rich.console import Console

class Signalled(type(multiprocessing.get_context("spawn").Event())):
    def set(self):
        with self._cond:
            os.kill(os.getpid(), signal.SIGTERM)
            self._flag.release()

SpawnContext.Event = lambda self: Signalled(ctx=self)
run = LocalRun(Plan("p", {}), set(), {}, {}, folders=Folders(Path("runs"), None), database=None,
               workers=Workers(0, 1, ()), save_every=1.0, listener=Display(Console(), []))
outcome = run.go()
print("over", outcome.stopped, len(run._come))
"""


def test_a_signal_within_the_launchers_last_word_changes_nothing(tmp_path: Path) -> None:
    """Its handler once asked the event whether it was set, and waited for the lock that its own thread held."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "over False 1\n", done.stderr
