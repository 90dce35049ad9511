"""Where jobs look for modules: first in the snapshot, then where the user's own lie, then where they were told to."""

import subprocess
import sys
from pathlib import Path

import pytest

from sd.cluster.modules import folders_of, import_from_beside


def test_folders_are_those_of_the_users_own_modules_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "my_package").mkdir(parents=True)
    (tmp_path / "a" / "my_module.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "b" / "my_package" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "a"))
    monkeypatch.syspath_prepend(str(tmp_path / "b"))
    names = ["my_module:f", "my_package.deep:g", "json:dumps", "sys:exit", "torch:nn", "not_there:f", "timm:x", "vgg16"]
    assert folders_of(names) == [tmp_path / "a", tmp_path / "b"]


def test_the_folder_of_a_grid_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path / "here")])
    import_from_beside([tmp_path / "g" / "1.yaml", tmp_path / "g" / "2.yaml", tmp_path / "here" / "3.yaml"])
    assert sys.path == [str(tmp_path / "here"), str(tmp_path / "g")]


@pytest.mark.parametrize(("before", "after"), [("", "/snap"), ("/site:/lab", "/snap:/site:/lab")])
def test_a_path_that_was_set_before_is_kept_behind_the_snapshot(before: str, after: str) -> None:
    """The golden batch script's own line, run by bash."""
    golden = Path(__file__).with_name("golden") / "01-T.sh"
    (line,) = (line for line in golden.read_text().splitlines() if "PYTHONPATH" in line)
    line = line.replace("/scratch/runs/code/0123456789abcdef", "/snap")
    program = f"{line}; echo $PYTHONPATH $PYTHONSAFEPATH"
    environment = {"PYTHONPATH": before} if before else {}
    done = subprocess.run(["bash", "-uc", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{after} 1\n"
