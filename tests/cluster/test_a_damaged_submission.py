"""What a submission says of itself may be damaged: a launch then says so in one line, and begins nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

GRID = "name: few\ndefaults: {arch: resnet8, dataset: digits, recipe: digits, seeds: 0}\ncells: [{}]\n"


def launch(folder: Path, scripts: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sd.launch", "grid.yaml", "--scripts", scripts]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("damage", [b"", b"[1]", b'{"grid": ', b"\xff\xfe"])
def test_a_damaged_note_is_one_line_and_nothing_begins(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    assert launch(tmp_path, "first").returncode == 0
    (note,) = tmp_path.glob("runs/submissions/*/submission.json")
    whole = note.read_bytes()
    note.write_bytes(damage)
    refused = launch(tmp_path, "second")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert str(note) in refused.stderr and f"remove {note.parent}" in refused.stderr
    assert list((tmp_path / "runs" / "submissions").iterdir()) == [note.parent]

    note.write_bytes(whole)
    assert launch(tmp_path, "second").returncode == 0
    assert not list(note.parent.glob("*.jsonl"))  # the later scripts take the place of the first
