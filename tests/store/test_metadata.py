"""metadata.json is what sql/ says, and a real datasette serves the shipped database with it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sd.store.metadata import metadata, written_metadata
from sd.store.queries import queries, relations
from sd.store.schema import Base

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_shipped_file_is_what_the_verb_prints() -> None:
    """Made again with: python -m sd.db metadata > metadata.json"""
    assert (CHECKOUT / "metadata.json").read_text() == written_metadata("results")


def test_everything_is_described() -> None:
    told = metadata("results")["databases"]["results"]
    assert list(told["tables"]) == relations() and list(told["queries"]) == list(queries())
    assert all(table["description"] for table in told["tables"].values())
    for table in Base.metadata.sorted_tables:
        assert list(told["tables"][table.name]["columns"]) == [column.name for column in table.columns]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped database, with the views of this version."""
    from sd.store.database import open_database

    copy = tmp_path_factory.mktemp("served") / "results.db"
    copy.write_bytes((CHECKOUT / "results.db").read_bytes())
    open_database(str(copy)).close()
    return copy


def served(database: Path, path: str) -> str:
    """What datasette answers at a path, through its own command line."""
    settings = ["--metadata", str(CHECKOUT / "metadata.json"), "--setting", "sql_time_limit_ms", "30000"]
    command = [sys.executable, "-m", "datasette", str(database), *settings, "--get", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_datasette_answers_a_question_with_its_parameter(database: Path) -> None:
    answer = json.loads(served(database, "/results/gains.json?checkpoint=last&_shape=array"))
    rows = {(row["arch"], row["label_noise"], row["alpha"], row["model"]): row for row in answer}
    assert rows["resnet8", 0.3, 0.5, "R1"]["n"] == 5 and rows["resnet8", 0.3, 0.5, "R1"]["chains_above"] == 5


def test_datasette_shows_descriptions(database: Path) -> None:
    page = served(database, "/results/curvature")
    assert "A row is one measurement of the Hessian" in page
    assert "its standard error; 0 where it is exact" in page
    index = served(database, "/results")
    assert all(f"/results/{name}" in index for name in queries())
    question = served(database, "/results/lineage")
    assert "Who taught a cell, and who taught them?" in question and 'name="cell"' in question
