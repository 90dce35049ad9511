"""The README cannot drift from the program: each of its commands that needs no cluster is run here, as it stands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sd.plan.catalogue import ARCHITECTURES, AUGMENTATIONS, DATASETS
from sd.plan.grid import Block, read_grid
from sd.plan.measure import MEASURES
from sd.plan.recipe import RECIPES, Recipe
from sd.plan.resources import Resources, _ProfileFile

CHECKOUT = Path(__file__).resolve().parents[1]
README = (CHECKOUT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("bash") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a user's checkout is: with jobs/ and copies of the shipped results.db and metadata.json."""
    place = tmp_path_factory.mktemp("readme")
    shutil.copy(CHECKOUT / "results.db", place)
    shutil.copy(CHECKOUT / "metadata.json", place)
    (place / "jobs").symlink_to(CHECKOUT / "jobs")
    return place


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_of_the_readme_runs(command: str, folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if command.startswith("sqlite3") and not shutil.which("sqlite3", path=path):
        pytest.skip("the sqlite3 program is not installed")
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.strip() or ">" in command


def test_the_shipped_database_knows_every_cell_of_the_demonstration(folder: Path) -> None:
    """So the commands above find everything done; a change of a key or of the demo must come with a new run."""
    command = [sys.executable, "-m", "sd.launch", "jobs/digits.yaml", "--local", "--dry-run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert "digits: 50 cells, 50 done, 0 to run" in done.stdout


def test_the_table_of_the_demonstration_is_what_the_shipped_database_renders(folder: Path) -> None:
    command = [sys.executable, "-m", "sd.report", "jobs/digits.yaml"]
    for checkpoint in ("best_test", "last"):
        done = subprocess.run(
            [*command, "--checkpoint", checkpoint], cwd=folder, capture_output=True, text=True, check=True
        )
        shown = done.stdout if checkpoint == "best_test" else done.stdout.split("\n**")[0]
        rows = [line for line in shown.splitlines() if line.startswith("|")]
        assert rows
        for row in rows:
            assert row in README


def test_the_grid_of_the_readme_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("".join(blocks("yaml")))
    assert len(read_grid(tmp_path / "mine.yaml").cells) == 3 * 3 * (2 + 3 * 3)


def test_every_key_and_name_of_a_grid_is_in_the_readme() -> None:
    named = set(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", README))
    assert {*ARCHITECTURES, *DATASETS, *AUGMENTATIONS, *RECIPES, *Block.model_fields, *Recipe.model_fields} <= named
    assert {key for settings in MEASURES.values() for key in settings.model_fields} <= named
    assert {*Resources.model_fields, *_ProfileFile.model_fields} <= named
