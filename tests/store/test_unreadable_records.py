"""A record that cannot be read is kept under another name and named, and its cell is run again; none is deleted."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd.durable import write_durably
from sd.store import aside
from sd.store.database import Database, open_database
from sd.store.progress import is_trained
from sd.store.record import find_records, write_record
from sd.store.soundness import check_all


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(str(tmp_path / "results.db"), create=True)


def test_one_that_is_no_record_gets_another_name_once(synthetic: SyntheticRoot, database: Database) -> None:
    (cell,) = chain(0)
    path = synthetic.train(cell)
    for content in (b"\0" * 100, b"{"):
        path.write_bytes(content)
        (line,) = database.ingest(find_records(synthetic.root)).refused
        assert str(path) in line and "it is kept as train.json.unreadable" in line and "\n" not in line
        assert not path.exists() and not is_trained(path.parent)
        assert database.ingest(find_records(synthetic.root)).refused == []
    kept = sorted(path.parent.glob("train.json.unreadable*"))
    assert [it.read_bytes() for it in kept] == [b"\0" * 100, b"{"]
    lines = check_all(database, synthetic.root)
    assert [str(it) in line and "was set aside" in line for it, line in zip(kept, lines, strict=True)] == [True, True]


def test_one_of_a_later_version_stays_and_is_named_each_time(synthetic: SyntheticRoot, database: Database) -> None:
    """And is kept where its cell is run again all the same."""
    (cell,) = chain(0)
    path = synthetic.train(cell)
    later = json.dumps({"record_version": 99, "kind": "train", "tables": {"what": "ever"}}).encode()
    path.write_bytes(later)
    for _ in range(2):
        (line,) = database.ingest([path]).refused
        assert "has record version 99" in line and "update sd" in line
        assert path.read_bytes() == later
    write_record(path, "train", {})
    assert path.with_name("train.json.unreadable").read_bytes() == later


def test_one_of_an_attempt_stays_for_its_number_is_a_claim(synthetic: SyntheticRoot, database: Database) -> None:
    (cell,) = chain(0)
    path = synthetic.train(cell).parent / "attempts" / "0001.json"
    path.write_bytes(b"")
    (line,) = database.ingest(find_records(synthetic.root)).refused
    assert line.startswith(str(path)) and path.exists()


def test_one_of_an_earlier_release_is_read(synthetic: SyntheticRoot, database: Database) -> None:
    """It has no seal, and does not say of its cell what has come since."""
    cells = chain(1)
    for cell in cells:
        path = synthetic.train(cell)
        content = json.loads(path.read_bytes())
        del content["content_sha256"]
        for name in ("model", "origin", "method", "members", "teacher_members", "engine"):
            del content["tables"]["cells"][0][name]
        path.write_text(json.dumps(content, indent=1))
    assert database.ingest(find_records(synthetic.root)).refused == []
    rows = database.rows("SELECT model, origin, method FROM cells ORDER BY round")
    assert [tuple(row.values()) for row in rows] == [("T", "trained", None), ("R1", "trained", "distillation")]
    assert check_all(database, synthetic.root) == []


def test_a_good_one_that_comes_meanwhile_stays(
    synthetic: SyntheticRoot, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer renames it into place after the bad one was read and before that is moved away."""
    (cell,) = chain(0)
    path = synthetic.train(cell)
    good = path.read_bytes()
    path.write_bytes(b"{")
    move = aside.move_aside

    def late(there: Path) -> Path:
        write_durably(there, good)
        return move(there)

    monkeypatch.setattr(aside, "move_aside", late)
    assert database.ingest([path]).refused == []
    assert path.read_bytes() == good and aside.find_aside(synthetic.root) == []
    assert database.ingest([path]).new == 1


def test_many_that_find_the_same_bad_one_keep_it_once(synthetic: SyntheticRoot) -> None:
    """While its cell's new record is written again and again: each of these is there, under one name or another."""
    (cell,) = chain(0)
    path = synthetic.train(cell)
    good, bad = path.read_bytes(), b"\0" * 100
    path.write_bytes(bad)
    with ThreadPoolExecutor(8) as pool:
        said = [*pool.map(lambda _: aside.set_aside(path, ValueError("no record")), range(8))]
    assert sum("is kept as" in (line or "") for line in said) == 1
    assert [it.read_bytes() for it in aside.find_aside(synthetic.root)] == [bad]
    with ThreadPoolExecutor(8) as pool:
        for at in range(20):
            path.write_bytes(bad)
            movers = [pool.submit(aside.set_aside, path, ValueError("no record")) for _ in range(4)]
            writer = pool.submit(write_durably, path, good)
            for done in (*movers, writer):
                done.result()
            assert path.read_bytes() == good, at
