"""PostgreSQL holds the same facts as SQLite, and every report from it is the same to the last byte."""

import hashlib
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from postgres import PASSWORD, Postgres
from synthetic import SyntheticRoot, chain
from typer.testing import CliRunner

from sd import BadInput, db, report, status
from sd.plan.cell import Cell
from sd.store.database import Database, open_database
from sd.store.engine import writing
from sd.store.export import export_tables
from sd.store.queries import ask, queries
from sd.store.rebuild import rebuild_database
from sd.store.record import find_records
from sd.store.rows import insert
from sd.store.schema import Base
from sd.store.soundness import check_all

pytestmark = pytest.mark.postgres

SHIPPED = Path(__file__).parents[2] / "results.db"

GRID = """
name: ties
defaults: {dataset: cifar10, seeds: [0, 1, 2, 3, 4, 5, 6, 7], rounds: 3, alpha: [0.2, 0.5], recipe: appendix_a}
cells: [{arch: resnet20, aug: std}]
"""


@pytest.fixture(scope="module")
def shipped_in_both(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The database that ships with sd, as a file and copied row by row to a server, in another order of rows."""
    path = tmp_path_factory.mktemp("shipped") / "results.db"
    shutil.copy(SHIPPED, path)
    url = postgres.new_database()
    source, target = open_database(str(path)), open_database(url, create=True)
    with writing(target._engine) as connection:
        for table in Base.metadata.sorted_tables:
            if table.name not in {"meta", "published"}:
                _, rows = source.table(table.name)
                names = [column["name"] for column in sa.inspect(source._engine).get_columns(table.name)]
                random.Random(7).shuffle(rows)
                insert(connection, table, [_typed(table, dict(zip(names, row, strict=True))) for row in rows])
    return str(path), url


def _typed(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    switches = [column.name for column in table.columns if column.type.python_type is bool]
    return row | {name: bool(row[name]) for name in switches if row[name] is not None}


@pytest.fixture(scope="module")
def made_up_in_both(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    """Cells whose accuracies have two decimals, so that means of eight often lie half-way between two that print."""
    folder = tmp_path_factory.mktemp("ties")
    root = SyntheticRoot(folder / "runs")
    draw = random.Random(3)
    for seed in range(8):
        for alpha in (0.2, 0.5):
            for cell in chain(3, seed=seed, alpha=alpha):
                if not (root.root / "cells" / cell.key).exists():
                    score = draw.randrange(8000, 9000) / 100
                    root.train(cell, top1=score, last=draw.randrange(8000, 9000) / 100)
                    root.measure(cell, trace=draw.uniform(-1, 900), lambda_max=draw.uniform(1, 90))
    path, url = str(folder / "results.db"), postgres.new_database()
    records = list(find_records(root.root))
    assert open_database(path, create=True).ingest(records).refused == []
    random.Random(5).shuffle(records)
    records.sort(key=lambda path: path.name != "train.json")
    assert open_database(url, create=True).ingest(records).refused == []
    return path, url, root.root


def said(application: Any, *arguments: str) -> str:
    """What a verb prints."""
    done = CliRunner().invoke(application, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


REPORTS = [
    *([f"--table={number}", f"--format={name}"] for number in (1, 2, 3) for name in ("md", "csv", "html", "tex")),
    *(["--table=all", "--checkpoint=both", f"--format={name}"] for name in ("terminal", "csv")),
    *(["--claims", "--checkpoint=both", f"--format={name}"] for name in ("md", "json")),
    *(["jobs/cifar10_small.yaml", f"--checkpoint={name}", "--format=csv"] for name in ("best_test", "last")),
    ["jobs/digits.yaml", "--format=html"],
    ["jobs/digits.yaml", "--cost"],
]


@pytest.mark.parametrize("arguments", REPORTS, ids=" ".join)
def test_every_report_is_the_same(arguments: list[str], shipped_in_both: tuple[str, str], tmp_path: Path) -> None:
    first, second = (
        said(report.app, *arguments, "--db", target, "--root", str(tmp_path)) for target in shipped_in_both
    )
    assert first == second
    assert len(first) > 200


@pytest.mark.parametrize(
    "arguments", [["--claims", "--format=json"], ["GRID"], ["GRID", "--format=csv"], ["--table=2"]]
)
def test_means_between_two_printed_numbers_fall_to_the_same_side(
    arguments: list[str], made_up_in_both: tuple[str, str, Path], tmp_path: Path
) -> None:
    """The two add up in different orders, so that sums differ in their last bits."""
    path, url, root = made_up_in_both
    grid = tmp_path / "ties.yaml"
    grid.write_text(GRID)
    words = [str(grid) if word == "GRID" else word for word in arguments]
    assert said(report.app, *words, "--db", path, "--root", str(root)) == said(
        report.app, *words, "--db", url, "--root", str(root)
    )


def test_status_is_the_same(made_up_in_both: tuple[str, str, Path], tmp_path: Path) -> None:
    path, url, root = made_up_in_both
    grid = tmp_path / "ties.yaml"
    grid.write_text(GRID)
    first, second = (said(status.app, str(grid), "--db", it, "--root", str(root)) for it in (path, url))
    assert first == second and "done" in first


def test_every_table_is_exported_alike(made_up_in_both: tuple[str, str, Path], tmp_path: Path) -> None:
    path, url, _ = made_up_in_both
    for name, target in (("file", path), ("server", url)):
        export_tables(open_database(target), tmp_path / name)
    for table in Base.metadata.sorted_tables:
        first, second = (tmp_path / name / f"{table.name}.csv" for name in ("file", "server"))
        assert first.read_bytes() == second.read_bytes(), table.name


@pytest.mark.slow
def test_a_bundle_holds_every_table_and_no_password(made_up_in_both: tuple[str, str, Path], tmp_path: Path) -> None:
    """A server's database cannot be copied as a file; its tables and views are in the bundle as CSV."""
    path, url, root = made_up_in_both
    place = tmp_path / "out.zip"
    said(report.app, "--bundle", str(place), "--db", url, "--root", str(root))
    export_tables(open_database(path), tmp_path / "file")
    with zipfile.ZipFile(place) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    sums = dict(reversed(line.split("  ", 1)) for line in files["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(it).hexdigest() for name, it in files.items() if name != "SHA256SUMS"}
    for table in Base.metadata.sorted_tables:
        assert files[f"database/{table.name}.csv"] == (tmp_path / "file" / f"{table.name}.csv").read_bytes(), table.name
    assert "database/table2.csv" in files and "database/results.db" not in files
    secrets = (PASSWORD.encode(), quote(PASSWORD, safe="").encode())
    assert not [name for name, content in files.items() if any(secret in content for secret in secrets)]


@pytest.mark.parametrize("name", [*queries(), "chains", "table4"])
def test_every_question_is_answered_alike(name: str, made_up_in_both: tuple[str, str, Path]) -> None:
    """As sets: where a question leaves the order of NULLs open, the two databases differ in it."""
    first, second = map(open_database, made_up_in_both[:2])
    asked = queries()[name].parameters if name in queries() else ()
    given = {parameter.name: chain(3)[-1].key for parameter in asked if parameter.default is None}
    columns, rows = ask(first, name, given)
    others, theirs = ask(second, name, given)
    assert columns == others
    assert _rounded(rows) == _rounded(theirs)


def _rounded(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Sums of floats may differ in their last bits, as they are added in another order; a switch is 0 and 1."""
    return sorted(
        tuple("" if v is None else f"{float(v):.9g}" if not isinstance(v, str) else v for v in row) for row in rows
    )


def test_text_is_ordered_by_its_bytes(made_up_in_both: tuple[str, str, Path], postgres: Postgres) -> None:
    """As SQLite orders it, although the server's database has the order of English: a, B."""
    database = open_database(postgres.new_database(), create=True)
    with writing(database._engine) as connection:
        rows = [{"name": name, "value": ""} for name in ("a", "B", "_", "ä", "A")]
        insert(connection, Base.metadata.tables["meta"], rows)
    found = [row["name"] for row in database.rows("SELECT name FROM meta WHERE value = '' ORDER BY name")]
    assert found == ["A", "B", "_", "a", "ä"]
    assert postgres.sql("SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('a'), ('B')) v(x)").strip() in {"aB", "Ba"}


def test_check_is_of_servers_too(made_up_in_both: tuple[str, str, Path]) -> None:
    _, url, root = made_up_in_both
    database = open_database(url)
    assert check_all(database, root) == []
    assert "are sound" in said(db.app, "check", "--db", url, "--root", str(root))
    key = database.rows("SELECT min(key) AS key FROM cells")[0]["key"]
    with writing(database._engine) as connection:
        connection.exec_driver_sql(f"UPDATE epochs SET seconds = 7 WHERE cell_key = '{key}' AND epoch = 2")
    (line,) = check_all(database, root)
    assert "1 rows of table epochs are not as it says" in line and str(root) in line
    with writing(database._engine) as connection:
        connection.exec_driver_sql(f"UPDATE epochs SET seconds = 0.5 WHERE cell_key = '{key}' AND epoch = 2")


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    made = open_database(postgres.new_database(), create=True)
    yield made
    made.close()


def _cell(synthetic: SyntheticRoot, **changes: Any) -> Cell:
    (cell,) = chain(0, **changes)
    synthetic.train(cell, epochs=100)
    return cell


def test_a_record_that_does_not_fit_is_named_and_the_others_are_taken(
    synthetic: SyntheticRoot, database: Database
) -> None:
    good, bad = _cell(synthetic), _cell(synthetic, seed=1)
    path = synthetic.root / "cells" / bad.key / "train.json"
    path.write_text(path.read_text().replace('"seed": 1', '"seed": "one"'))
    taken = database.ingest(find_records(synthetic.root))
    assert [str(path) in line and "\n" not in line for line in taken.refused] == [True]
    assert [row["key"] for row in database.rows("SELECT key FROM cells")] == [good.key]


def test_whole_numbers_have_64_bits(synthetic: SyntheticRoot, database: Database) -> None:
    (cell,) = chain(0, seed=2**40)
    synthetic.train(cell)
    assert database.ingest(find_records(synthetic.root)).refused == []
    (row,) = database.rows("SELECT SUM(seed) AS total, AVG(round) AS mean, COUNT(*) AS n FROM cells")
    assert (row["total"], row["mean"], row["n"]) == (2**40, 0, 1)
    assert [type(value) for value in row.values()] == [int, float, int]


def test_a_server_that_goes_away_leaves_the_records(
    synthetic: SyntheticRoot, postgres: Postgres, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that has come back in time is written to, over the connection that was lost."""
    _cell(synthetic)
    monkeypatch.setenv("SD_DB_PATIENCE", "0.5")
    postgres.stop()
    try:
        taken = database.ingest(find_records(synthetic.root))
    finally:
        postgres.start()
    (line,) = taken.refused
    assert (taken.new, taken.left) == (0, 2) and "2 records are kept; take them in with: python -m sd.db ingest" in line
    monkeypatch.setenv("SD_DB_PATIENCE", "30")
    assert database.ingest(find_records(synthetic.root)).new == 2


def test_a_server_that_restarts_is_waited_for(
    synthetic: SyntheticRoot, postgres: Postgres, database: Database, in_the_background: Callable[..., Any]
) -> None:
    _cell(synthetic)
    postgres.stop()
    in_the_background(postgres.start, after=1.5)
    assert database.ingest(find_records(synthetic.root)).new == 2


@pytest.fixture
def in_the_background() -> Iterator[Callable[..., Any]]:
    from threading import Timer

    timers: list[Timer] = []

    def begin(work: Callable[[], None], *, after: float) -> None:
        timers.append(Timer(after, work))
        timers[-1].start()

    yield begin
    for timer in timers:
        timer.join()


def test_a_server_is_made_again_and_the_old_tables_are_kept(
    synthetic: SyntheticRoot, postgres: Postgres, tmp_path: Path
) -> None:
    """Also one of another schema version, which is refused otherwise, with the command; no password is in it."""
    url = postgres.new_database()
    database = open_database(url, create=True)
    gone, cell = _cell(synthetic), _cell(synthetic, seed=1)
    database.ingest(find_records(synthetic.root))
    shutil.rmtree(synthetic.root / "cells" / gone.key)
    with writing(database._engine) as connection:
        connection.exec_driver_sql("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    with pytest.raises(BadInput, match=r"has schema version 99, .* python -m sd\.db rebuild --db .*\*\*\*@") as no:
        open_database(url)
    assert PASSWORD not in str(no.value) and quote(PASSWORD, safe="") not in str(no.value)
    made = rebuild_database(url, synthetic.root)
    assert (made.taken.new, made.taken.refused, made.lost) == (2, [], 1)
    assert str(made.old).startswith("schema sd_old_")
    fresh = open_database(url)
    assert [row["key"] for row in fresh.rows("SELECT key FROM cells")] == [cell.key]
    schema = str(made.old).removeprefix("schema ")
    assert fresh.rows(f"SELECT COUNT(*) AS n FROM {schema}.cells") == [{"n": 2}]
    assert check_all(fresh, synthetic.root) == []
