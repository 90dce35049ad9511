"""The questions of sql/queries: each is documented, runs, and answers; a wrong name or parameter is one line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

import sd.store
from sd import BadInput, resource
from sd.store.database import Database, open_database
from sd.store.queries import ask, queries, relations
from sd.store.record import find_records

CHECKOUT = Path(__file__).resolve().parents[2]
CELL = "resnet20 cifar10 std R2 alpha=0.5 seed=0"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Database:
    copy = tmp_path_factory.mktemp("shipped") / "results.db"
    copy.write_bytes((CHECKOUT / "results.db").read_bytes())
    return open_database(str(copy))


@pytest.fixture
def filled(synthetic: SyntheticRoot, tmp_path: Path) -> Database:
    for seed in (0, 1):
        for cell in chain(2, seed=seed):
            synthetic.train(cell, top1=90 - cell.round + seed / 10)
            synthetic.measure(cell)
    database = open_database(str(tmp_path / "results.db"), create=True)
    database.ingest(find_records(synthetic.root))
    return database


@pytest.mark.parametrize("name", queries())
def test_a_query_says_what_it_asks_what_a_row_is_and_its_parameters(name: str) -> None:
    query = queries()[name]
    assert query.question.endswith("?") and query.row.startswith("A row is one ") and query.row.endswith(".")
    assert {parameter.name for parameter in query.parameters} == set(re.findall(r"(?<!:):(\w+)", query.sql))
    assert all(parameter.meaning for parameter in query.parameters)
    assert f"| `{name}` | {query.question} |" in resource("sql", "README.md").read_text()


@pytest.mark.parametrize("name", queries())
def test_a_query_runs_on_the_shipped_database(name: str, shipped: Database) -> None:
    """Those about what no run has done yet (or what went well) answer with no row."""
    given = {"cell": shipped.rows("SELECT MAX(key) AS key FROM cells WHERE model = 'R3'")[0]["key"]}
    wanted = {parameter.name for parameter in queries()[name].parameters if parameter.default is None}
    columns, rows = ask(shipped, name, {key: value for key, value in given.items() if key in wanted})
    assert len(set(columns)) == len(columns)
    assert rows or name in {"attempts_and_failures", "fidelity_by_round", "robustness_by_shift"}


def test_lineage_goes_back_to_the_teacher(filled: Database) -> None:
    columns, rows = ask(filled, "lineage", {"cell": CELL})
    models = [re.search(r" (T|R\d) ", row[columns.index("label")]).group(1) for row in rows]  # type: ignore[union-attr]  # found
    assert models == ["T", "R1", "R2"]


def test_a_chain_is_one_row_with_its_keys(filled: Database) -> None:
    columns, rows = ask(filled, "chains")
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    (row,) = (row for row in found if (row["checkpoint"], row["seed"]) == ("last", 0))
    assert (row["teacher"], row["r1"], row["r2"], row["r3"]) == (89.0, 88.0, 87.0, None)
    keys = {cell.key for cell in chain(2)}
    assert {row["teacher_key"], row["r1_key"], row["r2_key"]} == keys and row["r3_key"] is None


def test_gains_and_those_below_their_teacher(filled: Database) -> None:
    columns, rows = ask(filled, "gains", {"checkpoint": "last"})
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    assert [(row["model"], row["n"], row["mean_gain"], row["chains_above"]) for row in found] == [
        ("R1", 2, pytest.approx(-1), 0),
        ("R2", 2, pytest.approx(-2), 0),
    ]
    assert len(ask(filled, "below_teacher")[1]) == 4


def test_what_is_missing_is_what_was_not_measured(filled: Database) -> None:
    columns, rows = ask(filled, "missing", {"source": "Table 3"})
    place = [columns.index(name) for name in ("architecture", "data_aug", "model")]
    missing = {tuple(row[n] for n in place) for row in rows}
    assert ("ResNet20", "No", "T") not in missing
    assert ("ResNet20", "No", "R1") in missing, "ours is alpha 0.5, the paper's 0.2"
    assert len(rows) == 4 * 5 - 1


@pytest.mark.parametrize(
    ("name", "given", "problem"),
    [
        ("table9", {}, "'table9' is no query, table or view; queries: attempts_and_failures"),
        ("gains", {"alpha": "0.5"}, "--param: gains has no parameter 'alpha'; it has: checkpoint"),
        ("lineage", {}, "--param: lineage needs cell, its key or its label: --param cell=…"),
        ("table2", {"row": "1"}, "--param: table2 has no parameter 'row'; it has: none"),
    ],
)
def test_a_mistake_is_one_line(name: str, given: dict[str, str], problem: str, shipped: Database) -> None:
    with pytest.raises(BadInput) as error:
        ask(shipped, name, given)
    assert str(error.value).startswith(problem) and "\n" not in str(error.value)


def test_pandas_in_two_lines(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SD_DB", filled.shown)
    table = sd.store.frame("table2")
    assert len(table) == 18 and table["published_r1"].iloc[0] == 95.80
    assert list(sd.store.frame("gains", checkpoint="last")["model"]) == ["R1", "R2"]
    assert len(sd.store.frame("epochs", db=filled.shown)) == 12


def test_the_verb_lists_and_answers(filled: Database) -> None:
    def db(*arguments: str) -> str:
        command = [sys.executable, "-m", "sd.db", *arguments, "--db", filled.shown]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout

    listed = db("query")
    assert all(f"| {name} " in listed for name in queries()) and "checkpoint=best_test" in listed
    answer = json.loads(db("query", "learning_curve", "--param", f"cell={CELL}", "--format", "json"))
    assert [row["epoch"] for row in answer] == [1, 2]
    assert db("query", "chains", "--format", "csv").splitlines()[0].startswith("arch,dataset,aug,")
    assert db("query", "attempts_and_failures").startswith("no rows of label, number")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["gains", "--param", "last"], "--param: 'last' assigns nothing; give NAME=VALUE"),
        (["gains", "--format", "html"], "--format: 'html' is not a format; known: md, csv, json"),
        (["lineage"], "--param: lineage needs cell"),
    ],
)
def test_the_verb_ends_with_one_line_and_exit_code_2(arguments: list[str], problem: str, filled: Database) -> None:
    command = [sys.executable, "-m", "sd.db", "query", *arguments, "--db", filled.shown]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith(problem) and done.stderr.count("\n") == 1


def test_every_table_and_view_can_be_asked_for(filled: Database) -> None:
    for name in relations():
        columns, _ = ask(filled, name)
        assert columns
