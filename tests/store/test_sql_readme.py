"""sql/README.md documents each table, view and column, and nothing that is not there."""

import re
from pathlib import Path

import pytest

from sd import resource
from sd.store.database import Database, open_database
from sd.store.schema import Base
from sd.store.shipped import view_definitions

TEXT = resource("sql", "README.md").read_text()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return open_database(str(tmp_path_factory.mktemp("db") / "results.db"), create=True)


def section(name: str) -> str:
    found = re.search(rf"^### {name}\n(.*?)(?=^##)", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert found, f"sql/README.md has no section on {name}"
    return found[1]


def documented(name: str) -> set[str]:
    """What stands in the first column of the section's table, or in code marks in its sentences."""
    lines = section(name).splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
    prose = [line for line in lines if not line.startswith("|")]
    return set(re.findall(r"`([\w]+)`", " ".join([*cells, *prose])))


@pytest.mark.parametrize("name", [table.name for table in Base.metadata.sorted_tables])
def test_every_column_of_a_table_is_documented_and_no_other(name: str) -> None:
    rows = [line.split("|")[1] for line in section(name).splitlines() if line.startswith("| `")]
    assert [re.findall(r"`(\w+)`", row)[0] for row in rows] == [c.name for c in Base.metadata.tables[name].columns]


@pytest.mark.parametrize("name", list(view_definitions()))
def test_every_column_of_a_view_is_documented(name: str, database: Database) -> None:
    columns, _ = database.table(name)
    known = documented(name)
    if name in {"curvature_outcomes", "fidelity_outcomes"}:
        known |= documented("outcomes")
    if name in {"table2", "table3"}:
        known |= documented("paper_tables") - {"source", "literature"}
    if name in {"table4", "table5"}:
        known |= documented("curvature_tables") - {"source"}
    assert set(columns) <= known
    if name in {"summary", "curvature_summary", "calibration_summary", "table1"}:
        assert known - {"paper_tables"} <= set(columns)


def test_no_section_describes_what_is_not_there() -> None:
    sections = re.findall(r"^### (\w+)$", TEXT, flags=re.MULTILINE)
    assert sorted(sections) == sorted([*Base.metadata.tables, *view_definitions()])


def queries() -> list[str]:
    (block,) = re.findall(r"^```sql\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    return [query.strip() for query in block.split(";") if query.strip()]


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.splitlines()[0][3:])
def test_the_example_query_runs_and_finds_something_in_the_shipped_database(query: str) -> None:
    shipped = Path(__file__).resolve().parents[2] / "results.db"
    rows = open_database(str(shipped)).rows(query)
    assert rows or "failed" in query or "0.1 *" in query


def test_the_example_for_pandas_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[2])
    (block,) = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)
    rows = open_database("results.db").rows("SELECT DISTINCT setting, checkpoint FROM outcomes")
    assert len(names["frame"]) == len(rows) >= 20  # type: ignore[arg-type]  # a frame
