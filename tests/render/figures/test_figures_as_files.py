"""Figures as files: the same bytes twice, nothing where there is no data, and one line for what cannot be done."""

import hashlib
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import made
import pytest
from synthetic import chain

from sd import BadInput, verb
from sd.render.figures.catalogue import FIGURES
from sd.render.figures.drawing import FORMATS, draw
from sd.report import app
from sd.store.database import Database

MAGIC = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


def report(*arguments: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sd.report", *map(str, arguments)]
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=variables, timeout=300)


@pytest.mark.parametrize("number", [n for n in FIGURES if n not in (10, 12, 13)])
def test_the_same_facts_are_the_same_bytes(number: int, paper: Database) -> None:
    first, second = draw(number, paper), draw(number, paper)
    for format_ in FORMATS if FIGURES[number].query else MAGIC:
        content = first.written(format_)
        assert content == second.written(format_) == first.written(format_), format_
        assert content.startswith(MAGIC.get(format_, b"key,"))


def test_another_process_on_another_day_writes_the_same_bytes(shipped: Database, tmp_path: Path) -> None:
    found = []
    for hash_seed in ("1", "2"):
        (tmp_path / hash_seed).mkdir()
        (tmp_path / hash_seed / "matplotlibrc").write_text("lines.linewidth: 9\nfont.size: 30\nsvg.fonttype: none\n")
        digests = []
        for format_ in MAGIC:
            arguments = ("--figure", 7, "--format", format_, "--db", shipped.shown)
            done = report(*arguments, folder=tmp_path / hash_seed, PYTHONHASHSEED=hash_seed, TZ=f"UTC{hash_seed}")
            assert done.returncode == 0, done.stderr
            content = (tmp_path / hash_seed / f"figure7.{format_}").read_bytes()
            assert content == draw(7, shipped).written(format_)
            digests.append(hashlib.sha256(content).hexdigest())
        found.append(digests)
    assert found[0] == found[1]


def test_the_caption_and_the_file_are_printed(shipped: Database, tmp_path: Path) -> None:
    done = report("--figure", 4, "--format", "svg", "--out", "a/b.svg", "--db", shipped.shown, folder=tmp_path)
    assert done.returncode == 0 and done.stdout.endswith("written: a/b.svg\n")
    assert done.stdout.startswith("Figure 4. Curvature by round. NOT THE PAPER’S STUDY")
    assert list(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "b.svg"]


def test_all_figures_go_to_a_folder_and_what_is_missing_is_said(shipped: Database, tmp_path: Path) -> None:
    done = report("--figure", "all", "--format", "csv", "--out", "figures", "--db", shipped.shown, folder=tmp_path)
    assert done.returncode == 0
    written = {path.name for path in (tmp_path / "figures").iterdir()}
    missing = done.stderr.splitlines()
    assert {"figure2.csv", "figure4.csv", "figure7.csv"} <= written
    assert len(written) + len(missing) == 15 and all("python -m sd.launch jobs/" in line for line in missing)


@pytest.mark.parametrize("number", [number for number, entry in FIGURES.items() if entry.query])
def test_without_data_it_says_what_is_missing_and_what_makes_it(number: int, empty: Database) -> None:
    drawn = draw(number, empty)
    assert drawn.figure is None and not drawn.caption
    grid = FIGURES[number].grid
    assert f"python -m sd.launch {grid}" in drawn.missing and (Path(__file__).parents[3] / grid).exists()
    with pytest.raises(BadInput):
        drawn.written("png")


def test_without_data_there_is_no_file_and_the_exit_code_is_one(empty: Database, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    done = report("--figure", 8, "--db", empty.shown, folder=folder)
    assert done.returncode == 1 and not done.stdout and not list(folder.iterdir())
    (line,) = done.stderr.splitlines()
    assert line.startswith("Figure 8: ") and "python -m sd.launch jobs/figure8.yaml" in line


def test_data_at_another_checkpoint_is_pointed_to(shipped: Database) -> None:
    assert "there are at best_test: --checkpoint shows them" in draw(4, shipped, checkpoint="last").missing


def test_what_a_grid_asks_for_is_what_a_grid_may_ask(tmp_path: Path) -> None:
    """The words that a message tells a user to put into a grid are read as a grid."""
    from sd.plan.grid import read_grid

    for number, entry in FIGURES.items():
        if entry.asks and "robustness" not in entry.asks:
            path = tmp_path / f"figure{number}.yaml"
            cell = f"{{arch: resnet8, dataset: digits, aug: none, recipe: digits, seeds: [0, 1, 2], {entry.asks}}}"
            path.write_text(f"name: asked\ncells:\n  - {cell}\n")
            assert read_grid(path).cells


@pytest.mark.parametrize(
    "arguments",
    [
        ("--figure", "17"),
        ("--figure", "0"),
        ("--figure", "four"),
        ("--figure", "４"),
        ("--figure", "4", "--format", "jpg"),
        ("--figure", "4", "--format", "md"),
        ("--figure", "4", "--checkpoint", "best"),
        ("--figure", "4", "--split", "val"),
        ("--figure", "4", "--study", "imagenet21k"),
        ("--figure", "4", "--table", "2"),
        ("--figure", "4", "--claims"),
        ("--figure", "1", "--format", "csv"),
        ("--figure", "4", "--out", "/proc/figure4.png"),
        ("--figure", "all", "--out", "taken"),
        ("--table", "2", "--study", "digits"),
        ("--table", "2", "--split", "test"),
        ("--claims", "--out", "x.md"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: tuple[str, ...],
    shipped: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["sd.report", *arguments, "--db", shipped.shown])
    with pytest.raises(SystemExit) as exit_:
        verb.main(app)
    out, err = capsys.readouterr()
    assert exit_.value.code == 2, err
    assert len(err.splitlines()) == 1 and not out
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_names_in_a_database_are_text_and_nothing_else(tmp_path: Path) -> None:
    """A recipe, an architecture or a data set may be called anything: no markup, no mathtext, no second line."""
    evil = made.Made(tmp_path / "made.db")
    evil.train(chain(1), curvature=True)
    name = "<script>alert(1)</script> $\\frac{x$ {{ 7*7 }} %s\n\x00\u202eb" + "x" * 500
    for row in evil.facts["cells"]:
        row |= {"protocol": name, "arch": name, "dataset": name, "aug": name}
    drawn = draw(4, evil.database())
    assert "\n" not in drawn.caption and "$\\frac{x$ {{ 7*7 }}" in drawn.caption and "\x00" not in drawn.caption
    svg = drawn.written("svg")
    assert b"<script" not in svg and ElementTree.fromstring(svg).tag.endswith("svg")
    assert drawn.written("png") and drawn.written("pdf") and drawn.written("csv")


def test_tables_and_help_do_not_wait_for_matplotlib(shipped: Database, tmp_path: Path) -> None:
    program = (
        "import sys; from sd.report import app; app(['--table', '2', '--db', sys.argv[1]], standalone_mode=False); "
        "import sd.render.figures.catalogue; assert 'matplotlib' not in sys.modules and 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program, shipped.shown], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
