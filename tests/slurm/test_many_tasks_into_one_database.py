"""Two hundred tasks of one array write records and put them into one SQLite file; some are killed; none is lost."""

import sys
import time
from pathlib import Path

import pytest
from cluster import accounts, sh

from sd.store.database import open_database
from sd.store.record import find_records
from sd.store.soundness import check_all

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TASKS = 200
RECORDS = 3

TASK = f"""
import os, sys
sys.path.insert(0, {str(ROOT / "bench")!r})
from pathlib import Path
from store import Load, write_records
folder, task = Path(sys.argv[1]), int(os.environ["SLURM_ARRAY_TASK_ID"])
with (folder / f"report-{{task}}").open("ab", buffering=0) as file:
    write_records(Load(records={RECORDS}), task, folder / "runs", str(folder / "results.db"),
                  lambda line: file.write(f"{{line}}\\n".encode()))
"""


def test_every_record_that_a_task_reported_is_in_the_database_once(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    open_database(str(path), create=True).close()
    (tmp_path / "task.py").write_text(TASK)
    script = tmp_path / "array.sh"
    script.write_text(
        f"#!/bin/bash\n#SBATCH --array=0-{TASKS - 1}\n#SBATCH --mem=400M\n#SBATCH --output={tmp_path}/log-%a\n"
        f"export PYTHONPATH={ROOT} OMP_NUM_THREADS=1\n{sys.executable} {tmp_path}/task.py {tmp_path}\n"
    )
    job = sh("sbatch", "--parsable", str(script)).strip()
    killed = 0
    end = time.monotonic() + 900
    while sh("squeue", "--noheader", "--jobs", job).strip():
        assert time.monotonic() < end, sh("squeue", "--jobs", job)
        running = sh("squeue", "--noheader", "--jobs", job, "--states", "RUNNING", "--format", "%i").split()
        if running and killed < 20:
            sh("scancel", "--signal=KILL", "--full", running[0])
            killed += 1
        time.sleep(1)
    states = [state for state, *_ in accounts(job).values()]
    reported = {
        line.split()[1]
        for report in tmp_path.glob("report-*")
        for line in report.read_text().splitlines()
        if line.startswith("written ")
    }
    assert len(reported) >= (TASKS - killed) * RECORDS, states
    database = open_database(str(path))
    database.ingest(find_records(tmp_path / "runs"))
    assert reported <= {row["key"] for row in database.rows("SELECT key FROM cells")}
    assert database.rows("SELECT cell_key FROM epochs GROUP BY cell_key HAVING COUNT(*) <> 600") == []
    assert check_all(database, tmp_path / "runs") == []
