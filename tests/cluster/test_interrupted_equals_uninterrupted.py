"""Rule 5: interrupted and resumed equals never interrupted, to the last bit on a CPU; checkpoint hashes included."""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from study import Study, wait_for


def running_worker(study: Study) -> int | None:
    """Process id of the worker of the newest attempt that says it is running."""
    for path in sorted(study.folder.glob("runs/cells/*/attempts/*.json"), reverse=True):
        with contextlib.suppress(OSError, ValueError):
            attempt = json.loads(path.read_text())["tables"]["attempts"][0]
            if attempt["status"] == "running" and alive(attempt["pid"]):
                return int(attempt["pid"])
    return None


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_worker_is_replaced_and_the_result_is_the_same(seed: int, tmp_path: Path, undisturbed: Study) -> None:
    """The parent starts another worker, which goes on from the last saved state."""
    study = Study(tmp_path)
    process = study.start("--save-every", "0")
    pid = wait_for(lambda: running_worker(study))
    time.sleep(random.Random(seed).uniform(0, 1.5))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    assert study.facts() == undisturbed.facts()


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_run_goes_on_when_called_again(seed: int, tmp_path: Path, undisturbed: Study) -> None:
    """kill -9 of the parent at a random moment, twice; its worker must not live on and write beside the next one."""
    study = Study(tmp_path)
    draws = random.Random(seed)
    for _ in range(2):
        process = study.start("--save-every", "0")
        pid = wait_for(lambda p=process: running_worker(study) or p.poll() is not None)
        time.sleep(draws.uniform(0, 2.0))
        process.kill()
        process.communicate()
        wait_for(lambda p=pid: not alive(p), seconds=60)
    done = study.launch("--save-every", "0")
    assert done.returncode == 0, done.stderr
    assert study.facts() == undisturbed.facts()
    assert study.run("db", "check").returncode == 0


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(tmp_path: Path, undisturbed: Study) -> None:
    study = Study(tmp_path)
    process = study.start()
    wait_for(lambda: running_worker(study))
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "the same command goes on" in err and "Traceback" not in err
    statuses = [row["status"] for record in study.records("attempt") for row in record["tables"]["attempts"]]
    assert "running" not in statuses
    assert study.launch().returncode == 0
    assert study.facts() == undisturbed.facts()


def test_sigterm_stops_like_ctrl_c(tmp_path: Path) -> None:
    study = Study(tmp_path)
    process = study.start()
    wait_for(lambda: running_worker(study))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert process.returncode == 130
    assert running_worker(study) is None


def test_a_cell_that_kills_its_worker_twice_fails_and_no_worker_is_left(tmp_path: Path) -> None:
    study = Study(tmp_path)
    process = study.start("--save-every", "0")
    first = wait_for(lambda: running_worker(study))
    os.kill(first, signal.SIGKILL)
    second = wait_for(lambda: (pid := running_worker(study)) != first and pid)
    os.kill(second, signal.SIGKILL)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "died 2 times" in err


def test_the_same_grid_in_two_folders_gives_the_same_numbers(tmp_path: Path, undisturbed: Study) -> None:
    study = Study(tmp_path)
    assert study.launch().returncode == 0
    assert study.facts() == undisturbed.facts()


def test_a_second_run_in_the_same_root_is_refused_while_the_first_works(tmp_path: Path) -> None:
    study = Study(tmp_path)
    process = study.start()
    try:
        wait_for(lambda: running_worker(study))
        second: subprocess.CompletedProcess[str] = study.launch()
        assert second.returncode == 2
        assert second.stderr.strip().count("\n") == 0 and "another run works here" in second.stderr
    finally:
        process.kill()
        process.communicate()
