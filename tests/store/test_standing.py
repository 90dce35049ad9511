"""Where a cell stands by what its attempts say, and what is left to do of a plan."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd.plan.schedule import Plan, Step
from sd.store.attempt import Attempt
from sd.store.database import Database, open_database
from sd.store.pace import busy_hours, kinds_of, paces
from sd.store.record import cell_folder, find_records, read_record, write_record
from sd.store.standing import KILLED, by_attempt
from sd.store.todo import find_todo, take_stock


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(str(tmp_path / "results.db"), create=True)


def aged(folder: Path, number: int, *, minutes: float, **changes: object) -> None:
    """Make an attempt and its last sign of life older."""
    path = folder / "attempts" / f"{number:04}.json"
    row = read_record(path)["tables"]["attempts"][0]
    then = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
    write_record(path, "attempt", {"attempts": [row | {"started_at": then} | changes]})
    beat = path.with_suffix(".beat")
    if beat.exists():
        beat.write_text(json.dumps(json.loads(beat.read_text()) | {"at": then}))
        os.utime(beat, (time.time() - 60 * minutes,) * 2)


def test_a_node_whose_clock_is_off_does_not_pass_for_dead(tmp_path: Path) -> None:
    """Its sign of life says ten minutes ago, or in ten minutes; the file system, that it is of now."""
    teacher = chain()[0]
    folder = cell_folder(tmp_path, teacher.key)
    for minutes in (10, -10):
        Attempt(folder, teacher.key).beat(epoch=1)
        number = len(list(folder.glob("attempts/*.json")))
        aged(folder, number, minutes=minutes)
        os.utime(folder / "attempts" / f"{number:04}.beat")
        standing = by_attempt(teacher, tmp_path, alive=None)
        assert standing and (standing.state, standing.note) == ("running", "")


def test_a_clock_that_was_set_back_is_told_of(tmp_path: Path) -> None:
    teacher = chain()[0]
    folder = cell_folder(tmp_path, teacher.key)
    Attempt(folder, teacher.key).beat(epoch=1)
    aged(folder, 1, minutes=-90)
    standing = by_attempt(teacher, tmp_path, alive=None)
    assert standing and standing.state == "running" and "is 90 min ahead of the one here" in standing.note


def test_nobody_has_tried(tmp_path: Path) -> None:
    assert by_attempt(chain()[0], tmp_path, alive=None) is None


def test_a_running_attempt_says_how_far_it_is(tmp_path: Path) -> None:
    teacher = chain(epochs=10)[0]
    attempt = Attempt(cell_folder(tmp_path, teacher.key), teacher.key)
    attempt.beat(epoch=4, test_top1=91.5, seconds_per_epoch=2.0)
    standing = by_attempt(teacher, tmp_path, alive=None)
    assert standing and (standing.state, standing.epoch, standing.top1, standing.seconds_left) == (
        "running",
        4,
        91.5,
        12.0,
    )
    assert standing.note == ""


@pytest.mark.parametrize(
    ("job", "alive", "state"),
    [(None, None, "failed"), (None, False, "failed"), ("7_0", True, "running"), ("7_0", False, "failed")],
)
def test_a_silent_attempt(job: str | None, alive: bool | None, state: str, tmp_path: Path) -> None:
    """The queue's word counts; without it silence does."""
    teacher = chain()[0]
    folder = cell_folder(tmp_path, teacher.key)
    Attempt(folder, teacher.key).beat(epoch=1)
    aged(folder, 1, minutes=10, job_id=job)
    standing = by_attempt(teacher, tmp_path, alive=alive)
    assert standing and standing.state == state
    assert standing.note.endswith(KILLED) == (state == "failed")
    assert ("no sign of life for 10 min" in standing.note) == (state == "running")


def test_a_local_attempt_that_beats_runs_though_the_queue_knows_nothing(tmp_path: Path) -> None:
    teacher = chain()[0]
    Attempt(cell_folder(tmp_path, teacher.key), teacher.key).beat()
    standing = by_attempt(teacher, tmp_path, alive=False)
    assert standing and standing.state == "running"


def test_a_lost_attempt_ended_at_its_last_sign_of_life(tmp_path: Path) -> None:
    teacher = chain()[0]
    folder = cell_folder(tmp_path, teacher.key)
    Attempt(folder, teacher.key).beat()
    aged(folder, 1, minutes=30)
    beat = folder / "attempts" / "0001.beat"
    then = datetime.now(UTC) - timedelta(minutes=10)
    beat.write_text(json.dumps({"at": then.isoformat()}))
    Attempt(folder, teacher.key)
    row = read_record(folder / "attempts" / "0001.json")["tables"]["attempts"][0]
    assert row["status"] == "lost" and row["ended_at"] == then.isoformat() and abs(row["seconds"] - 1200) < 5


def test_a_broken_sign_of_life_is_none(tmp_path: Path) -> None:
    teacher = chain()[0]
    folder = cell_folder(tmp_path, teacher.key)
    Attempt(folder, teacher.key).beat()
    aged(folder, 1, minutes=0, job_id="7_0")
    for text in ("", "[1]", "{", "null", '{"at": 5}', '{"at": "noon"}', '{"at": "2026-11-23T10:00:00", "epoch": "x"}'):
        (folder / "attempts" / "0001.beat").write_text(text)
        standing = by_attempt(teacher, tmp_path, alive=True)
        assert standing and standing.state == "running"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"tables": {"attempts": [{}]}}'])
def test_an_unreadable_attempt_is_a_failure_with_a_name_and_the_next_one_begins(content: str, tmp_path: Path) -> None:
    teacher = chain()[0]
    folder = cell_folder(tmp_path, teacher.key)
    Attempt(folder, teacher.key)
    (folder / "attempts" / "0001.json").write_text(content)
    standing = by_attempt(teacher, tmp_path, alive=None)
    assert standing and standing.state == "failed" and "attempts/0001.json" in standing.note
    assert Attempt(folder, teacher.key).facts.number == 2


def test_what_is_to_do_and_what_has_failed(tmp_path: Path, synthetic: SyntheticRoot, database: Database) -> None:
    cells = [cell for seed in (0, 1, 2) for cell in chain(2, seed=seed)]
    plan = Plan("p", {cell.key: Step(cell) for cell in sorted(cells, key=lambda cell: cell.round)})
    synthetic.train(cells[0])
    failed = Attempt(cell_folder(synthetic.root, cells[3].key), cells[3].key)
    failed.end("failed", ValueError("no"))
    queued = {cells[6].key}
    done, refused = take_stock(plan, synthetic.root, database)
    todo = find_todo(plan, done, queued)
    assert todo.done.facts == {cells[0].key} and refused == []
    assert todo.wanted == {cell.key for cell in cells} - {cells[0].key, cells[6].key}
    assert [step.cell.round for step in todo.steps] == sorted(step.cell.round for step in todo.steps)
    again = find_todo(plan, done, queued, again={cells[3].key})
    assert again.wanted == {cell.key for cell in cells[3:6]}
    student = find_todo(plan, done, (), again={cells[4].key})
    assert student.wanted == {cell.key for cell in cells[3:6]}, "with the teacher that it needs"


def test_hours_and_paces_are_of_what_was_run(synthetic: SyntheticRoot, database: Database) -> None:
    cells = chain(1, epochs=2)
    for cell in cells:
        synthetic.train(cell)
        aged(cell_folder(synthetic.root, cell.key), 1, minutes=1, device="cuda:3 NVIDIA H100", seconds=1800.0)
    plan = Plan("p", {cell.key: Step(cell) for cell in [*cells, *chain(1, seed=9)]})
    database.ingest(find_records(synthetic.root))
    assert busy_hours(database, plan.steps) == pytest.approx(1.0)
    assert busy_hours(database, [cells[0].key]) == pytest.approx(0.5)
    assert set(kinds_of(database, plan).values()) == {"cuda"}
    pace = paces(database, "cuda")["resnet20", "cifar10"]
    assert (pace.device, pace.cells) == ("cuda NVIDIA H100", 2)
    assert pace.epoch == pytest.approx((0.5 / 3 + 0.5 / 4) / 2)
    assert paces(database, "cpu") == {}
