"""The bundle holds everything, says what is what, is the same bytes twice, and is whole or not there."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd import BadInput, resource
from sd.plan.grid import read_grid
from sd.plan.schedule import Plan, plan
from sd.render.bundle import archive
from sd.render.bundle.archive import TOP, write_bundle
from sd.render.bundle.circumstances import circumstances, compute_table
from sd.render.bundle.part import Part
from sd.render.missing_of_paper import Look
from sd.render.paper_tables import TITLES
from sd.render.provenance.asked import Sources
from sd.store.database import Database, open_database
from sd.store.record import find_records


def grid(name: str) -> tuple[Plan, list[Path]] | None:
    path = resource("jobs", f"{name}.yaml")
    return (plan([read_grid(path)]), [Path(f"jobs/{name}.yaml")]) if path.exists() else None


def asked(database: Database, root: Path) -> tuple[Look, Sources]:
    return Look(database, root, slurm=False), Sources(database, root, grid)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    shutil.copy(Path(__file__).resolve().parents[2] / "results.db", folder / "results.db")
    write_bundle(folder / "out.zip", *asked(open_database(str(folder / "results.db")), folder / "runs"))
    with zipfile.ZipFile(folder / "out.zip") as file:
        file.extractall(folder)
    return folder / TOP


@pytest.mark.slow
def test_it_holds_what_an_artefact_evaluation_wants(bundle: Path) -> None:
    names = {str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file()}
    assert {f"tables/table{n}.{f}" for n in TITLES for f in ("md", "tex", "csv", "html")} <= names
    assert {f"figures/figure4.{f}" for f in ("pdf", "svg", "png", "csv")} | {"figures/captions.md"} <= names
    assert {f"claims/claims.{f}" for f in ("md", "json", "html")} <= names
    assert {
        "database/results.db",
        "grids/paper.yaml",
        "grids/profiles/example.yaml",
        "sql/views/52_table2.sql",
    } <= names
    assert {"environment/packages.txt", "environment/constraints.txt", "compute.md", "missing.md", "cost.md"} <= names
    assert {"tables/grid_digits.md", "provenance/numbers.csv"} <= names
    assert "torch==" in (bundle / "environment" / "packages.txt").read_text()
    assert json.loads((bundle / "environment" / "environment.json").read_text())["python"]


@pytest.mark.slow
def test_every_file_stands_in_its_readme_and_has_the_hash_that_is_said(bundle: Path) -> None:
    readme = (bundle / "README.md").read_text()
    sums = dict(reversed(line.split("  ")) for line in (bundle / "SHA256SUMS").read_text().splitlines())
    files = [path for path in bundle.rglob("*") if path.is_file() and path.name != "SHA256SUMS"]
    assert len(files) == len(sums)
    for path in files:
        name = str(path.relative_to(bundle))
        assert sums[name] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert f"| `{name}` |" in readme or name == "README.md"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["missing.md", "missing_of_claims.md", "cost.md", "tables/table3.csv"])
def test_the_command_beside_a_file_prints_it(bundle: Path, tmp_path: Path, name: str) -> None:
    (row,) = [line for line in (bundle / "README.md").read_text().splitlines() if line.startswith(f"| `{name}` |")]
    command = row.split("|")[3].strip(" `").split()
    assert command.pop(0) == "python"
    database = shutil.copy(bundle / "database" / "results.db", tmp_path / "results.db")
    environment = {**os.environ, "PATH": str(tmp_path), "SD_DB": str(database)}
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert done.stdout == (bundle / name).read_bytes()


@pytest.mark.slow
def test_its_database_is_whole_and_its_numbers_have_runs(bundle: Path) -> None:
    with sqlite3.connect(bundle / "database" / "results.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        keys = {key for (key,) in connection.execute("SELECT key FROM cells")}
    lines = (bundle / "provenance" / "numbers.csv").read_text().splitlines()
    assert lines[0] == "address,printed,mean,std,n,keys,checkpoint_sha256"
    assert len(lines) > 100
    for line in lines[1:]:
        assert set(line.rsplit(",", 2)[1].split()) <= keys


def made_up(synthetic: SyntheticRoot, tmp_path: Path) -> Database:
    for cell in chain(1, alpha=0.2):
        synthetic.train(cell)
    database = open_database(str(tmp_path / "results.db"), create=True)
    database.ingest(find_records(synthetic.root))
    return database


def test_what_it_was_found_with_is_the_same_bytes_twice(synthetic: SyntheticRoot, tmp_path: Path) -> None:
    database = made_up(synthetic, tmp_path)
    parts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        own = list(circumstances(database, tmp_path / name))
        parts.append({p.path: p.content if isinstance(p.content, bytes) else p.content.read_bytes() for p in own})
    assert parts[0] == parts[1]


def test_the_zip_is_the_same_bytes_twice_and_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large").write_bytes(b"x" * 3_000_000)
    parts = [Part("b.md", b"text", "a text"), Part("a/large", tmp_path / "large", "a file", "make it")]
    monkeypatch.setattr(archive, "results", lambda *_: iter(parts[:1]))
    monkeypatch.setattr(archive, "circumstances", lambda *_: iter(parts[1:]))
    database = open_database(str(tmp_path / "results.db"), create=True)
    for name in ("one.zip", "two.zip"):
        assert write_bundle(tmp_path / name, *asked(database, tmp_path)) == [
            "README.md",
            "a/large",
            "b.md",
            "SHA256SUMS",
        ]
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as file:
        assert file.testzip() is None
        assert file.read(f"{TOP}/a/large") == b"x" * 3_000_000


def test_a_bundle_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle of the archive."""
    (tmp_path / "out.zip").write_bytes(b"the old one")
    monkeypatch.setattr(archive, "results", lambda *_: iter([Part("a.md", b"text", "a text")]))
    monkeypatch.setattr(archive, "circumstances", lambda *_: iter(()))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_add", full)
    database = open_database(str(tmp_path / "results.db"), create=True)
    with pytest.raises(BadInput, match=r"^--bundle: .*out.zip cannot be written \(No space left on device\)$"):
        write_bundle(tmp_path / "out.zip", *asked(database, tmp_path))
    assert (tmp_path / "out.zip").read_bytes() == b"the old one"
    assert not list(tmp_path.glob(".out.zip*"))


def test_only_a_zip_file_is_written(tmp_path: Path) -> None:
    database = open_database(str(tmp_path / "results.db"), create=True)
    with pytest.raises(BadInput, match=r"is not the name of a zip file; give one such as out.zip"):
        write_bundle(tmp_path / "out", *asked(database, tmp_path))


def test_the_compute_statement_counts_every_attempt_by_its_device(synthetic: SyntheticRoot, tmp_path: Path) -> None:
    database = made_up(synthetic, tmp_path)
    with database._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE attempts SET device = 'cuda:0 NVIDIA H200', seconds = 1800, threads = 8")
        connection.exec_driver_sql(
            "UPDATE attempts SET device = 'cuda:1 NVIDIA H200', status = 'failed'"
            " WHERE id = (SELECT MIN(id) FROM attempts)"
        )
    table = compute_table(database)
    assert table.caption.startswith("1 GPU-hours and 0 hours of jobs on CPUs")
    (row,) = table.texts()
    assert row[:10] == ["cuda NVIDIA H200", "1", "2", "2", "1", "1", "0", "0", "1", "8"]
