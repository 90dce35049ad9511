"""A database's password is in no file that a launch writes, in nothing it prints, and in no job's comment."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from postgres import PASSWORD, Postgres

from sd import BadInput
from sd.store.database import open_database
from sd.store.target import absolute_target, command_without_secrets, read_target

GRID = """
name: quiet
defaults: {dataset: digits, aug: none, recipe: digits, epochs: 1, seeds: [0], rounds: 1, alpha: [0.5]}
cells: [{arch: resnet8}]
"""


def everything_written(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def sd(folder: Path, *words: str, **environment: str) -> str:
    """What a verb prints, to both."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    return done.stdout.decode()


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize("way", ["option", "environment"])
def test_of_everything_that_a_launch_writes_and_prints(way: str, postgres: Postgres, tmp_path: Path) -> None:
    """Batch scripts, manifests, records, checkpoints, and the words of launch, status, report, ingest and check."""
    (tmp_path / "quiet.yaml").write_text(GRID)
    url = postgres.new_database()
    option = ["--db", url] if way == "option" else []
    environment = {} if way == "option" else {"SD_DB": url}
    said = sd(tmp_path, "sd.launch", "quiet.yaml", "--scripts", "scripts", *option, **environment)
    said += sd(tmp_path, "sd.launch", "quiet.yaml", "--local", "--workers", "1", *option, **environment)
    assert "2 cells" in said or "cells" in said, said
    for verb in (["sd.status", "quiet.yaml"], ["sd.report", "quiet.yaml"], ["sd.db", "ingest"], ["sd.db", "check"]):
        said += sd(tmp_path, *verb, *option, **environment)
    said += sd(tmp_path, "sd.report", "--table", "2", "--db", url.replace("lab", "none"))
    assert len(open_database(url).rows("SELECT * FROM cells")) == 2, said
    assert "are sound" in said and "***" in said
    for secret in (PASSWORD, quote(PASSWORD, safe="")):
        assert secret not in said
        assert secret.encode() not in everything_written(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:hush@127.0.0.1:1/lab",
        "postgresql://127.0.0.1:1/lab?user=me&password=hush",
        "postgresql+psycopg://me:hush@127.0.0.1:no-port/lab",
        "postgresql+psycopg://me:hu/sh@:@x",
        "mysql://me:hush@127.0.0.1/lab",
        "postgresql+psycopg://me:x@hush@127.0.0.1:1/lab",
        "postgresql+psycopg:me:hush@127.0.0.1/lab",
        "postgres:me:hush@127.0.0.1/lab",
    ],
)
def test_of_what_cannot_be_used(url: str) -> None:
    with pytest.raises(BadInput) as no:
        open_database(url, wait=0)
    assert "hush" not in str(no.value) and "hu/sh" not in str(no.value)
    assert "\n" not in str(no.value)
    assert "hush" not in " ".join(command_without_secrets(["sd.launch", "--db", url, f"--db={url}"]))


def test_of_what_jobs_are_told() -> None:
    """A URL with a password in its query is left to SD_DB, too."""
    assert absolute_target("postgresql://host/lab?password=hush") is None
    assert absolute_target("postgresql://me@host/lab") == "postgresql://me@host/lab"
    assert read_target("postgresql://me@host/lab").drivername == "postgresql+psycopg"
