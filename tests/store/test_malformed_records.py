"""Ten thousand malformed records: each is named in one line, nothing of it is taken in, and its file is kept.

They are made from good ones by edits that hypothesis chooses: of the bytes, as a bad disk or a broken copy makes them,
and of the content, sealed again, as a wrong program or a stranger might.
"""

import contextlib
import copy
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic import SyntheticRoot, chain

from sd.store.aside import SUFFIX, find_aside
from sd.store.attempt import newest_attempt
from sd.store.database import Database, open_database
from sd.store.progress import is_trained, known_scores, measure_is_done
from sd.store.record import BadRecord, find_records, read_record, sealed
from sd.store.schema import Base
from sd.store.soundness import check_all
from sd.store.standing import by_attempt

EXAMPLES, EACH = 200, 50  # 10,000 records, in batches as they would be taken in

ODD: list[Any] = [
    *(None, True, False, -1, 0, 2**31, 2**63, -(2**64), 10**400, 1.5, 1e308, -0.0, "", "x", "é", "\0", "\ud800"),
    *("x" * 100_000, "1; DROP TABLE cells", "' OR 1=1 --", [], [1], {}, {"a": 1}, [[]], "NaN", "../../etc/passwd"),
]


def containers(content: Any) -> list[Any]:
    """Every mapping and list that is not empty, at any depth, the outermost among them."""
    found = [content] if content else []
    for inner in content.values() if isinstance(content, dict) else content:
        if isinstance(inner, dict | list):
            found += containers(inner)
    return found


def edited(content: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """One to three things left out, replaced, added, doubled, or moved to another name."""
    for _ in range(draw.randint(1, 3)):
        tables = content.get("tables")
        place = draw.choice([content, *(containers(tables) if isinstance(tables, dict | list) else [])])
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        match draw.randrange(5):
            case 0:
                del place[key]
            case 1:
                place[key] = copy.deepcopy(draw.choice(ODD))  # a later edit may change it, or put it into itself
            case 2 if isinstance(place, list):
                place.append(copy.deepcopy(draw.choice([*ODD, place[key]])))
            case 3 if isinstance(place, dict):
                place[draw.choice([*Base.metadata.tables, "odd", ""])] = place.pop(key)
            case _:
                place[key] = [place[key]] if draw.random() < 0.5 else str(place[key])
        if not content:
            break
    return content


def torn(blob: bytes, draw: random.Random) -> bytes:
    """Cut off, a byte or a block changed, empty, doubled, or something else altogether."""
    at = draw.randrange(len(blob))
    return draw.choice(
        [
            blob[:at],
            blob[:at] + bytes([blob[at] ^ (1 << draw.randrange(8))]) + blob[at + 1 :],
            blob[:at] + b"\0" * min(512, len(blob) - at) + blob[at + 512 :],
            b"",
            blob + blob[:at],
            draw.randbytes(at % 1000),
            b"[" * 100_000,
            b'{"record_version": ' + b"9" * 10_000 + b"}",
            b"\xff\xfe" + blob,
        ]
    )


def resealed(content: dict[str, Any]) -> bytes:
    """Any JSON with the seal of a record, whose writer (``sealed``) knows none but records."""
    plain = json.dumps(content, indent=1).encode()
    return plain[:-2] + f',\n "content_sha256": "{hashlib.sha256(plain).hexdigest()}"\n}}'.encode()


class Shelf:
    """A root of good records, all in one database, some of which are then replaced by bad ones."""

    def __init__(self, folder: Path) -> None:
        self.synthetic = SyntheticRoot(folder / "runs")
        self.cells = [cell for seed in range(9) for cell in chain(1, seed=seed)]
        for cell in self.cells:
            self.synthetic.train(cell)
            self.synthetic.measure(cell)
        self.good = {path: path.read_bytes() for path in find_records(self.synthetic.root)}
        self.database = open_database(str(folder / "results.db"), create=True)
        assert self.database.ingest(self.good).refused == []
        self.rows = everything(self.database)

    def put(self, files: dict[Path, bytes]) -> None:
        for path, blob in files.items():
            path.write_bytes(blob)


def everything(database: Database) -> dict[str, Any]:
    return {table.name: database.table(table.name) for table in Base.metadata.sorted_tables}


def is_bad(path: Path) -> bool:
    try:
        read_record(path)
    except BadRecord as error:
        assert "\n" not in str(error) and str(error).startswith(str(path)) and len(str(error)) < 1000
        return True
    return False


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


def bad_records(shelf: Shelf, draw: random.Random, count: int) -> dict[Path, bytes]:
    """So many files of the shelf, each made bad in a way of its own; edits that leave a good record are made again."""
    makers: list[Callable[[bytes], bytes]] = [
        lambda blob: torn(blob, draw),
        lambda blob: resealed(edited(json.loads(blob), draw)),
        lambda blob: json.dumps(edited(json.loads(blob), draw)).encode(),
    ]
    found: dict[Path, bytes] = {}
    for path in draw.sample(sorted(shelf.good), count):
        while path not in found:
            with contextlib.suppress(ValueError):
                path.write_bytes(draw.choice(makers)(shelf.good[path]))
                if is_bad(path):
                    found[path] = path.read_bytes()
    return found


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**64))
def test_a_malformed_record_is_named_and_nothing_of_it_is_taken_in(seed: int, shelf: Shelf) -> None:
    draw = random.Random(seed)
    files = bad_records(shelf, draw, EACH)
    try:
        taken = shelf.database.ingest([*files])
        assert taken.new == 0
        assert sorted(line.partition(": ")[0] for line in taken.refused) == sorted(map(str, files))
        assert all(line.isprintable() or "\n" not in line for line in taken.refused)
        assert everything(shelf.database) == shelf.rows
        kept = {path: path if path.exists() else path.with_name(f"{path.name}{SUFFIX}") for path in files}
        assert {path: there.read_bytes() for path, there in kept.items()} == files
        for cell in draw.sample(shelf.cells, 2):  # whoever else reads records
            folder = shelf.synthetic.root / "cells" / cell.key
            is_trained(folder), known_scores(folder), measure_is_done(folder, shelf.synthetic.curvature)
            newest_attempt(folder), by_attempt(cell, shelf.synthetic.root, alive=None)
    finally:
        for path in find_aside(shelf.synthetic.root):
            path.unlink()
        shelf.put({path: shelf.good[path] for path in files})


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**64))
def test_whatever_is_edited_is_taken_in_whole_or_not_at_all(seed: int, shelf: Shelf) -> None:
    """Edits that leave a record readable, too: then the rows are what the record says, and no other."""
    draw = random.Random(seed)
    path = draw.choice(sorted(shelf.good))
    with contextlib.suppress(ValueError):
        path.write_bytes(resealed(edited(json.loads(shelf.good[path]), draw)))
    taken = shelf.database.ingest([path])
    try:
        assert taken.new + len(taken.refused) <= 1
        if taken.new:
            said = {name: rows for name, rows in read_record(path)["tables"].items() if rows}
            for name, rows in said.items():
                columns, there = shelf.database.table(name)
                known = [dict(zip(columns, row, strict=True)) for row in there]
                assert all(any(row.items() <= other.items() for other in known) for row in rows), name
            assert check_all(shelf.database, shelf.synthetic.root) == []
        else:
            assert everything(shelf.database) == shelf.rows
    finally:
        for aside in find_aside(shelf.synthetic.root):
            aside.unlink()
        shelf.put({path: shelf.good[path]})
        shelf.database.ingest(shelf.good)
        if taken.new:
            shelf.database.close()
            Path(shelf.database.shown).unlink()
            shelf.database = open_database(shelf.database.shown, create=True)
            shelf.database.ingest(shelf.good)
    assert everything(shelf.database) == shelf.rows


@pytest.mark.parametrize("at", range(0, 100, 7))
def test_a_bit_that_has_changed_is_noticed(at: int, synthetic: SyntheticRoot) -> None:
    """Anywhere in the file: digits of a number among them, which would still be good JSON."""
    (cell,) = chain(0)
    path = synthetic.train(cell)
    blob = bytearray(path.read_bytes())
    digits = [place for place, sign in enumerate(blob) if chr(sign).isdigit()]
    blob[digits[at * len(digits) // 100]] ^= 1
    path.write_bytes(blob)
    with pytest.raises(BadRecord):
        read_record(path)


def test_the_two_hashes_are_named(synthetic: SyntheticRoot) -> None:
    (cell,) = chain(0)
    path = synthetic.train(cell, top1=90.0)
    path.write_bytes(path.read_bytes().replace(b'"top1": 90.0', b'"top1": 99.0'))
    with pytest.raises(BadRecord, match=r"is not what was written \(SHA-256 [0-9a-f]{64}, written [0-9a-f]{64}\)"):
        read_record(path)
    assert not is_trained(path.parent)


def test_records_of_versions_before_they_were_sealed_are_read(synthetic: SyntheticRoot, tmp_path: Path) -> None:
    (cell,) = chain(0)
    path = synthetic.train(cell)
    content = json.loads(path.read_bytes())
    del content["content_sha256"]
    path.write_text(json.dumps(content, indent=1))
    database = open_database(str(tmp_path / "results.db"), create=True)
    assert database.ingest([path]).new == 1


def test_a_copied_folder_does_not_pass_for_another_cell(synthetic: SyntheticRoot, tmp_path: Path) -> None:
    teacher, student = chain(1)
    path = synthetic.train(teacher)
    copy = synthetic.root / "cells" / student.key / "train.json"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    database = open_database(str(tmp_path / "results.db"), create=True)
    (line,) = database.ingest([path, copy]).refused
    assert line.startswith(f"{copy}: table cells has rows of another cell")
    (problem,) = check_all(database, synthetic.root)[:1]
    assert str(copy) in problem or "is not in the database" in problem


@pytest.mark.parametrize("table", ["published", "meta", "records"])
def test_no_record_changes_what_is_not_of_runs(table: str, synthetic: SyntheticRoot, tmp_path: Path) -> None:
    """The published numbers come with the code: a record must not be able to rewrite them."""
    (cell,) = chain(0)
    path = synthetic.train(cell)
    content = json.loads(path.read_bytes())
    del content["content_sha256"]
    database = open_database(str(tmp_path / "results.db"), create=True)
    columns, rows = database.table(table)
    content["tables"][table] = [dict(zip(columns, row, strict=True)) for row in rows[:1]]
    path.write_bytes(sealed(content))
    (line,) = database.ingest([path]).refused
    assert f"table {table!r} is none that a record fills" in line
    assert database.table(table)[1] == rows
