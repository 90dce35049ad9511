"""An attempt holds a cell until a newer one takes it over; no two have the same number."""

import errno
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from sd.store import attempt
from sd.store.attempt import Attempt, Fenced
from sd.store.kept import keep_a_copy
from sd.store.record import read_record


def claim(folder: Path, times: int) -> list[int]:
    return [Attempt(folder, "k").facts.number for _ in range(times)]


def test_many_processes_never_get_the_same_number(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        numbers = [n for found in pool.starmap(claim, [(tmp_path, 10)] * 8) for n in found]
    assert sorted(numbers) == list(range(1, 81))
    assert not list((tmp_path / "attempts").glob(".*"))


def test_a_newer_attempt_fences_the_older_off(tmp_path: Path) -> None:
    first = Attempt(tmp_path, "k")
    first.check()
    second = Attempt(tmp_path, "k")
    with pytest.raises(Fenced, match="attempt 2 has taken over from attempt 1"):
        first.check()
    second.check()


def test_where_the_file_system_has_no_links_a_number_is_still_one_processs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no links here")

    monkeypatch.setattr(attempt.os, "link", refuse)
    test_many_processes_never_get_the_same_number(tmp_path)
    path = tmp_path / "attempts" / "0080.json"
    path.write_text("no record")
    assert keep_a_copy(path).read_text() == "no record"


def test_a_link_that_was_made_although_nfs_says_that_it_was_there_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first answer was lost, and the question asked again."""
    link = os.link

    def twice(*names: Path) -> None:
        link(*names)
        link(*names)

    monkeypatch.setattr(attempt.os, "link", twice)
    assert claim(tmp_path, 2) == [1, 2]


def row(folder: Path, number: int) -> dict[str, object]:
    found: dict[str, object] = read_record(folder / "attempts" / f"{number:04}.json")["tables"]["attempts"][0]
    return found


def test_how_an_attempt_ended_is_written_down(tmp_path: Path) -> None:
    lost, failed, done = Attempt(tmp_path, "k"), Attempt(tmp_path, "k"), Attempt(tmp_path, "k")
    try:
        raise ValueError("the loss is NaN\nand more")
    except ValueError as error:
        failed.end("failed", error)
    done.end("done")
    assert lost.facts.status == "running"
    assert [row(tmp_path, n)["status"] for n in (1, 2, 3)] == ["lost", "failed", "done"]
    assert row(tmp_path, 2)["error"] == "ValueError: the loss is NaN"
    assert "Traceback" in str(row(tmp_path, 2)["traceback"])
    versions = json.loads(str(row(tmp_path, 3)["versions_json"]))
    assert {"python", "torch", "sd"} <= set(versions)
    assert len(str(row(tmp_path, 3)["code_version"])) in (40, len("0.1.0"))


def test_slurm_says_which_job_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "123")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    facts = Attempt(tmp_path, "k").facts
    assert (facts.job_id, facts.restart_count) == ("123", 2)
