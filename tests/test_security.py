"""What SECURITY.md says, tried: nothing that is read is run, nothing leaves its folder, nobody else may write."""

import ast
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from synthetic import SyntheticRoot, chain

from sd import BadInput
from sd.cluster.scripts import Wiring, batch_script, submit_script
from sd.plan.arrays import make_arrays
from sd.plan.catalogue import is_own
from sd.plan.grid import read_grid
from sd.plan.resources import BEYOND_A_GRID, DEFAULTS, Profile, read_profile
from sd.plan.schedule import plan
from sd.plan.size import MOST_CELLS, MOST_GRIDS
from sd.render.formats import write_tables
from sd.render.table import Table
from sd.store.database import open_database
from sd.train.checkpoint import BadCheckpoint, load
from sd.train.models.published import read_weights

SOURCES = sorted(Path(__file__).parents[1].joinpath("sd").rglob("*.py"))
CELL = "{arch: resnet8, dataset: digits, recipe: digits, seeds: [0, 1], rounds: 1, alpha: 0.5}"


def calls() -> list[tuple[str, ast.Call]]:
    """Every call in the package: where, and what."""
    return [
        (f"{path.name}:{node.lineno}", node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]


def given(call: ast.Call, name: str) -> Any:
    return next((ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == name), None)


def test_whatever_is_read_is_read_without_running_it() -> None:
    """By the source itself, so that a call that is added later is seen, too."""
    for place, call in calls():
        function = ast.unparse(call.func)
        if function == "torch.load":
            assert given(call, "weights_only") == "True", place
        if function in {"np.load", "numpy.load"}:
            assert given(call, "allow_pickle") == "False", place
        assert given(call, "shell") is None, place
        assert function not in {"eval", "exec", "compile", "os.system", "os.popen", "pickle.load", "pickle.loads"}, (
            place
        )
        assert function not in {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "tempfile.mktemp"}, place
        if function.startswith("subprocess."):
            assert not isinstance(call.args[0], ast.Constant | ast.JoinedStr), place


class Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


def test_a_checkpoint_that_carries_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    path, mark = tmp_path / "last.pt", tmp_path / "ran"
    torch.save({"model": Payload(mark)}, path)
    with pytest.raises(BadCheckpoint):
        load(path, torch.device("cpu"))
    with pytest.raises(BadInput):
        read_weights(path)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["shutil:rmtree", "os:system", "os.path:exists", "builtins:exec", "subprocess:call"])
def test_a_grid_cannot_name_pythons_own_functions(name: str, tmp_path: Path) -> None:
    assert not is_own(name)
    path = tmp_path / "grid.yaml"
    path.write_text(f"name: x\ncells: [{{arch: resnet8, dataset: '{name}', recipe: digits, seeds: 0}}]\n")
    with pytest.raises(BadInput, match="is not a known data set"):
        read_grid(path)


def test_looking_at_a_grid_runs_nothing_of_its_modules(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text("open('ran', 'w')\ndef model(classes): ...\n")
    own = CELL.replace("resnet8", '"theirs:model"')
    (tmp_path / "grid.yaml").write_text(f"name: x\ncells: [{own}]\n")
    command = [sys.executable, "-m", "sd.launch", "grid.yaml", "--local", "--dry-run", "--device", "cpu"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("option", ["export: LD_PRELOAD=x.so", "container: x", "input: /etc/passwd", "export-file: x"])
def test_an_option_that_runs_other_programs_is_a_profiles(option: str, tmp_path: Path) -> None:
    asked = f"resources: {{default: {{sbatch: {{{option}}}}}}}\n"
    (tmp_path / "grid.yaml").write_text(f"name: x\ncells: [{CELL}]\n{asked}")
    (tmp_path / "profile.yaml").write_text(asked)
    with pytest.raises(BadInput, match=r"grid.yaml:3: resources.default.sbatch: .* give it in a profile"):
        read_grid(tmp_path / "grid.yaml")
    assert dict(read_profile(tmp_path / "profile.yaml").resources)["default"].sbatch


HOSTILE = "a b'c\"d$(touch pwned);e`touch pwned`&|>x"


def test_paths_and_values_are_quoted_in_what_a_shell_runs(tmp_path: Path) -> None:
    """The scripts are run by bash, with an sbatch that only says what it was given."""
    (tmp_path / "g.yaml").write_text(f"name: t\ncells: [{CELL}]\n")
    study = plan([read_grid(tmp_path / "g.yaml")])
    arrays = make_arrays(study, study.steps, resources=dict.fromkeys(study.steps, DEFAULTS), queued={}, largest=10)
    folder = tmp_path / HOSTILE / "submissions" / "x"
    folder.mkdir(parents=True)
    site = Profile(environment=(("A", HOSTILE),))
    wiring = Wiring("t", "x", folder, folder / "code", "/py thon", site, None, (Path(f"/{HOSTILE}"),))
    for array in arrays:
        text = batch_script(array, wiring)
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)
        (line,) = (line for line in text.splitlines() if line.startswith("srun "))
        assert shlex.split(line)[-1] == str(wiring.manifest(array))
        setup = text.partition("# setup\n")[2].partition("# command")[0]
        shown = subprocess.run(
            ["bash", "-c", setup + '\nprintf "%s\\n%s" "$A" "$PYTHONPATH"'],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
        assert shown.stdout == f"{HOSTILE}\n{folder / 'code'}:/{HOSTILE}"
        wiring.manifest(array).touch()
        (folder / f"{array.name}.sh").write_text(text)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, body in {"sbatch": "echo 7", "squeue": "true"}.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    (folder / "submit.sh").write_text(submit_script(arrays, wiring))
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", str(folder / "submit.sh")], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0 or "same file" in done.stderr, done.stderr
    assert not list(tmp_path.rglob("pwned"))


def test_what_stands_in_a_database_is_text_to_a_page_and_to_latex() -> None:
    table = Table(
        "<script>t</script>", "<i>c</i>", ["<b>h"], [["<img src=x onerror=alert(1)> \\input{/etc/passwd} & $x$"]]
    )
    page = write_tables([table], "html")
    assert "<script>t" not in page and "<img" not in page and "<b>h" not in page
    assert "\\input" not in write_tables([table], "tex")


def test_values_are_no_part_of_a_statement(synthetic: SyntheticRoot, tmp_path: Path) -> None:
    name = "x'); DROP TABLE cells; --"
    (cell,) = chain(0, arch=name)
    synthetic.train(cell)
    database = open_database(str(tmp_path / "results.db"), create=True)
    assert database.ingest([synthetic.root / "cells" / cell.key / "train.json"]).refused == []
    assert [row["arch"] for row in database.rows("SELECT arch FROM cells")] == [name]
    assert database.named("summary", source="outcomes", keys=[name, cell.key]) is not None


def test_nobody_else_may_write_what_jobs_read_whatever_the_umask(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(f"name: x\ncells: [{CELL}]\n")
    command = [sys.executable, "-m", "sd.launch", "grid.yaml", "--scripts", "scripts"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, umask=0)
    assert done.returncode == 0, done.stderr
    made = [path for path in tmp_path.rglob("*") if path.name != "grid.yaml" and not path.is_symlink()]
    assert len(made) > 10
    assert [path for path in made if path.stat().st_mode & 0o002] == []


def test_the_page_names_what_there_is() -> None:
    """Files and options that SECURITY.md speaks of exist."""
    page = Path(__file__).parents[1].joinpath("SECURITY.md").read_text()
    for number in (MOST_CELLS, MOST_GRIDS):
        assert f"{number:,}" in page
    for option in ("export", "container", "input", "bb"):
        assert option in BEYOND_A_GRID and f"`{option}`" in page
    for place in ("tests/test_security.py", "tests/faults"):
        assert place in page and Path(__file__).parents[1].joinpath(place).exists()
