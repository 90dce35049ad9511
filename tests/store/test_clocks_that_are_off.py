"""A clock that is set back, or another node's, changes no decision and makes no time negative."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sd.cluster.submission import _new_id
from sd.durable import sweep
from sd.store import attempt
from sd.store.attempt import Attempt, moment
from sd.store.record import read_record


def set_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """The clock of this process, as far as attempts ask it; the steady one goes on."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + by

    monkeypatch.setattr(attempt, "datetime", Clock)


def facts(folder: Path, number: int) -> dict[str, Any]:
    row: dict[str, Any] = read_record(folder / "attempts" / f"{number:04}.json")["tables"]["attempts"][0]
    return row


def test_an_attempt_during_which_the_clock_is_set_back_took_the_time_that_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = Attempt(tmp_path, "k")
    time.sleep(0.02)
    set_clock(monkeypatch, timedelta(hours=-3))
    tried.beat(epoch=1)
    tried.end("done")
    row = facts(tmp_path, 1)
    assert 0.02 <= row["seconds"] < 60
    assert moment(row["ended_at"]) >= moment(row["started_at"])


def test_an_attempt_during_which_the_clock_jumps_ahead_did_not_take_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = Attempt(tmp_path, "k")
    set_clock(monkeypatch, timedelta(days=2))
    tried.end("done")
    assert facts(tmp_path, 1)["seconds"] < 60


@pytest.mark.parametrize("hours", [-5, 5])
def test_the_next_node_may_have_any_clock(hours: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number, not the time, says which attempt holds the cell; the one that was lost has no negative seconds."""
    first = Attempt(tmp_path, "k")
    set_clock(monkeypatch, timedelta(hours=hours))
    first.beat(epoch=1)
    second = Attempt(tmp_path, "k")
    second.check()
    with pytest.raises(attempt.Fenced):
        first.check()
    lost = facts(tmp_path, 1)
    assert lost["status"] == "lost" and lost["seconds"] >= 0
    assert moment(lost["ended_at"]) >= moment(lost["started_at"])


def test_a_submission_sorts_after_those_of_a_clock_that_was_ahead(tmp_path: Path) -> None:
    ahead = datetime.now(UTC) + timedelta(days=400)
    for name in (f"{ahead:%Y%m%dT%H%M%S}-ffffff", "20250101T000000-000000", "99999999T999999-odd", "notes"):
        (tmp_path / "submissions" / name).mkdir(parents=True)
    first = _new_id(tmp_path)
    (tmp_path / "submissions" / first).mkdir()
    assert f"{ahead:%Y%m%dT%H%M%S}-ffffff" < first < _new_id(tmp_path)


def test_a_node_whose_clock_is_ahead_leaves_the_drafts_of_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    young, old = tmp_path / ".a.json.1.part", tmp_path / ".b.json.2.part"
    for path in (young, old):
        path.write_text(json.dumps({}))
    os.utime(old, (time.time() - 7200,) * 2)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10 * 3600)
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [young.name]
