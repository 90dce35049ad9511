"""The verbs as a user meets them: quick to answer, one line for a mistake, exit code 2, nothing done."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sd.plan.catalogue import DATASETS
from sd.store.database import open_database

VERBS = ("launch", "status", "cancel", "report", "data", "db", "evaluate")

GRID = "name: g\ncells: [{arch: resnet8, dataset: digits, recipe: digits, seeds: 0}]\n"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "grid.yaml").write_text(GRID)
    (tmp_path / "wrong.yaml").write_text(GRID.replace("resnet8", "resnet9"))
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_help_says_what_the_verb_does(verb: str, folder: Path) -> None:
    done = run(folder, f"sd.{verb}", "--help")
    assert done.returncode == 0 and "Usage: python -m sd." in done.stdout
    assert list(folder.iterdir()) == [folder / "grid.yaml", folder / "wrong.yaml"] or len(list(folder.iterdir())) == 2


MISTAKES = [
    (["sd.report"], "give either grid files or --table N"),
    (["sd.report", "grid.yaml", "--table", "2"], "give either grid files or --table N"),
    (["sd.report", "--table", "9"], "--table: there is no table 9; give one of 1, 2, 3"),
    (["sd.report", "--table", "2"], "results.db: no such database"),
    (["sd.report", "grid.yaml", "--checkpoint", "first"], "--checkpoint: 'first' is not a checkpoint"),
    (["sd.report", "none.yaml"], "none.yaml: no such file"),
    (["sd.report", "wrong.yaml"], "wrong.yaml:2: arch: 'resnet9' is not a known architecture"),
    (["sd.report", "--table", "2", "--cost"], "--cost is of a grid"),
    (["sd.status", "wrong.yaml"], "wrong.yaml:2: arch: 'resnet9' is not a known architecture"),
    (["sd.launch", "grid.yaml", "--local", "--partition", "gpu"], "--local runs on this machine, without SLURM"),
    (["sd.launch", "grid.yaml", "--workers", "2"], "--workers is for --local"),
    (["sd.launch", "grid.yaml", "--retry", "all"], "--retry: 'all' is not known; give failed"),
    (["sd.launch", "grid.yaml", "--profile", "none.yaml"], "none.yaml: no such file"),
    (["sd.launch", "grid.yaml", "--dry-run", "--hours", "0.01"], "--hours: is too short"),
    (["sd.launch", "grid.yaml", "--dry-run", "--sbatch", "array=0-3"], "--sbatch: array cannot be given here"),
    (["sd.launch", "wrong.yaml", "--local"], "wrong.yaml:2: arch: 'resnet9' is not a known architecture"),
    (["sd.launch", "grid.yaml", "--local", "--device", "tpu"], "--device: 'tpu' is not a device"),
    (["sd.launch", "grid.yaml", "--local", "--db", "."], "--db: . is a directory"),
    (["sd.launch", "grid.yaml", "--local", "--db", "no/where.db"], "--db: no: no such folder"),
    (
        ["sd.launch", "grid.yaml", "--local", "--db", "nosql://x"],
        "--db: nosql://… is a server that sd does not know; give a path",
    ),
    (["sd.data", "prepare", "cifar-10"], "'cifar-10' is not a known data set; did you mean 'cifar10'"),
    (["sd.data", "weights", "resnet18"], "resnet18: has no published weights to start from"),
    (["sd.db", "rebuild"], "--root runs: holds no records"),
    (["sd.db", "check"], "results.db: no such database"),
]


@pytest.mark.parametrize(("arguments", "text"), MISTAKES, ids=lambda value: " ".join(value)[:60])
def test_a_mistake_is_one_line_and_exit_code_2(arguments: list[str], text: str, folder: Path) -> None:
    done = run(folder, *arguments)
    assert done.returncode == 2
    assert text in done.stderr and done.stderr.count("\n") == 1
    assert done.stdout == "" and not (folder / "results.db").exists() and not (folder / "runs").exists()


@pytest.mark.parametrize(
    "arguments", [["sd.launch"], ["sd.launch", "grid.yaml", "--workers", "0"], ["sd.data", "fetch"]]
)
def test_a_wrong_option_says_how_to_get_help(arguments: list[str], folder: Path) -> None:
    done = run(folder, *arguments)
    assert done.returncode == 2 and "--help" in done.stderr and "Traceback" not in done.stderr


def test_without_slurm_the_launcher_says_what_there_is_instead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    done = run(folder, "sd.launch", "grid.yaml")
    assert done.returncode == 2 and "has no SLURM" in done.stderr and "give --local" in done.stderr
    done = run(folder, "sd.cancel", "grid.yaml")
    assert done.returncode == 2 and "has no SLURM" in done.stderr
    done = run(folder, "sd.launch", "grid.yaml", "--dry-run")
    assert done.returncode == 0 and "#SBATCH --array=0\n" in done.stdout and "has no SLURM" in done.stdout
    done = run(folder, "sd.launch", "grid.yaml", "--scripts", "scripts")
    assert done.returncode == 0 and (folder / "scripts" / "submit.sh").stat().st_mode & 0o100
    done = run(folder, "sd.status", "grid.yaml")
    assert done.returncode == 0 and "1 cell: 0 done" in done.stdout and "there is no SLURM here" in done.stdout


def test_every_mistake_of_every_grid_is_told(folder: Path) -> None:
    done = run(folder, "sd.launch", "wrong.yaml", "none.yaml", "--local")
    assert done.returncode == 2 and done.stderr.count("\n") == 2


QUICK = [
    "import sd.launch",
    "import sd.status",
    "import sd.cancel",
    "import sd.report",
    "import sd.db",
    "import sd.data",
    "import sd.plan.grid, sd.plan.schedule",
]
HEAVY = ("torch", "torchvision", "timm", "pyhessian", "pandas", "matplotlib", "scipy", "sklearn", "numpy")


@pytest.mark.parametrize("statement", QUICK)
def test_planning_and_reporting_import_nothing_heavy(statement: str, folder: Path) -> None:
    program = f"{statement}; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_making_a_table_and_a_plan_imports_nothing_heavy(folder: Path) -> None:
    """Not only the import: the whole command."""
    for verb, arguments in (("report", ["--table", "2"]), ("launch", ["grid.yaml", "--dry-run"])):
        program = (
            f"import sys, atexit; atexit.register(lambda: print([n for n in {HEAVY} if n in sys.modules])); "
            "from sd.store.database import open_database; open_database('results.db', create=True); "
            f"sys.argv = ['x', *{arguments}]; from sd.{verb} import app; app()"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("[]\n")


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    open_database(str(folder / "results.db"), create=True).close()
    command = f"{sys.executable} -m sd.report --table 2 | head -1"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
    assert done.stderr == "" and done.stdout.startswith("**The paper's Table 2")


def test_the_database_can_be_named_in_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(str(folder / "mine.db"), create=True).close()
    assert "no such database" in run(folder, "sd.report", "--table", "2").stderr
    monkeypatch.setenv("SD_DB", str(folder / "mine.db"))
    assert run(folder, "sd.report", "--table", "2").returncode == 0


def test_a_dry_run_makes_no_database(folder: Path) -> None:
    assert run(folder, "sd.launch", "grid.yaml", "--dry-run").returncode == 0
    assert not (folder / "results.db").exists()


def test_data_list_says_what_is_there(folder: Path) -> None:
    lines = run(folder, "sd.data", "list", "--data-root", "nowhere").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(DATASETS)
    assert lines[0].endswith("ready") and "python -m sd.data prepare cifar10 --data-root nowhere" in lines[1]
    assert run(folder, "sd.data", "prepare", "digits").returncode == 0


def test_status_of_what_was_never_launched(folder: Path) -> None:
    """--watch ends at once, because nothing runs or waits; --json holds every cell."""
    done = run(folder, "sd.status", "grid.yaml", "--watch")
    assert done.returncode == 0 and "1 not submitted" in done.stdout
    said = json.loads(run(folder, "sd.status", "grid.yaml", "--json").stdout)
    assert [cell["state"] for cell in said["cells"]] == ["missing"] and said["hours_used"] == 0
    assert not (folder / "runs").exists()
