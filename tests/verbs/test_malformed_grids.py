"""A thousand grids, made from the ones that ship by edits: each is planned or refused in lines, and nothing is written.

The whole way of ``sd.launch --dry-run`` is gone, in this process. What a grid can ask for is bounded, too.
"""

import contextlib
import copy
import io
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sd import BadInput, launch, resource, verb
from sd.cluster import slurm
from sd.plan.grid import read_grid

FILES = sorted(resource("jobs").glob("*.yaml"))

ODD: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        1,
        2**31,
        2**64,
        10**300,
        1.5,
        float("nan"),
        float("inf"),
        -0.0,
        "",
        " ",
        "x",
        "é\u2028",
        "\x07",
    ),
    *("x" * 100_000, "../../etc/passwd", "/etc/passwd", "os:system", "a:b", "timm:x", "; rm -rf ~", "$(id)", "`id`"),
    *([], [[]], {}, {"a": {}}, [None], ["x", "x"], list(range(300)), [0.1 * n for n in range(101)], {"<<": 1}),
]
TEXTS = [
    *("\t", "\n", "\0", "\ufeff", "&a ", "*a", "<<: *a", "!!python/object/apply:os.system [id]", "!!binary x", "---\n"),
    *(
        "[" * 5000,
        "{a: " * 2000,
        "- " * 3000,
        "'",
        '"',
        "|",
        ">",
        "%YAML 9.9\n",
        "? ",
        ": ",
        "# ",
        "9" * 5000,
        "é\ud7ff",
    ),
]


def places(data: Any) -> list[Any]:
    found = [data] if data else []
    for inner in data.values() if isinstance(data, dict) else data:
        if isinstance(inner, dict | list):
            found += places(inner)
    return found


def edited_data(text: str, draw: random.Random) -> bytes:
    """Keys left out, renamed, added; values of another kind, huge, or put into lists."""
    grid = copy.deepcopy(yaml.safe_load(text))
    for _ in range(draw.randint(1, 4)):
        place = draw.choice(places(grid) or [grid])
        if not place:
            continue
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        odd = copy.deepcopy(draw.choice(ODD))  # which a later edit may change, or put into itself
        match draw.randrange(4):
            case 0:
                del place[key]
            case 1:
                place[key] = odd
            case 2 if isinstance(place, dict):
                place[draw.choice(["odd", "arch", "seeds", "rounds", "alpha", "epochs", "sbatch"])] = odd
            case _:
                place[key] = [place[key], odd]
    return yaml.safe_dump(grid, allow_unicode=draw.random() < 0.5).encode(errors="replace")


def edited_text(text: str, draw: random.Random) -> bytes:
    """Letters, lines and bytes changed, doubled, moved or cut off."""
    blob = text.encode()
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(blob) + 1)
        lines = blob.splitlines(keepends=True) or [b""]
        line = draw.randrange(len(lines))
        blob = draw.choice(
            [
                blob[:at],
                blob[:at] + draw.choice(TEXTS).encode() + blob[at:],
                blob[:at] + draw.randbytes(draw.randint(1, 4)) + blob[at + 2 :],
                b"".join([*lines[:line], *lines[line + 1 :]]),
                b"".join([*lines[:line], lines[line], *lines[line:]]),
                b"".join([*lines[:line], b"\t" + lines[line], *lines[line + 1 :]]),
                b"".join([*lines[:line], b"  " + lines[line], *lines[line + 1 :]]),
            ]
        )
    return blob


def dry_run(*arguments: str) -> tuple[int, str, str]:
    """``sd.launch … --dry-run`` in this process: its exit code, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["sd.launch", *arguments, "--dry-run"]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            verb.main(launch.app)
    finally:
        sys.argv = before
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grids") / "jobs"
    shutil.copytree(resource("jobs"), folder)
    return folder


def listing(folder: Path) -> dict[Path, float]:
    return {path: path.stat().st_mtime for path in folder.rglob("*")}


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**64))
def test_a_malformed_grid_is_planned_or_refused_in_lines_and_nothing_is_written(
    seed: int, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(jobs.parent)
    monkeypatch.setattr(slurm, "available", lambda: False)
    draw = random.Random(seed)
    original = draw.choice(FILES)
    path = jobs / "edited.yaml"
    edit = draw.choice([edited_data, edited_text])
    path.write_bytes(edit(original.read_text(encoding="utf-8"), draw))
    before = listing(jobs.parent)
    code, out, err = dry_run("jobs/edited.yaml", *(["--local", "--device", "cpu"] if draw.random() < 0.8 else []))
    assert listing(jobs.parent) == before
    assert code in {0, 2} and "Traceback" not in out + err
    if code:
        lines = err.splitlines()
        assert lines and not out
        assert all(line.startswith("jobs/") and ": " in line and len(line) < 1300 for line in lines), lines
        assert len(lines) == len(set(lines))


CELL = "{arch: resnet8, dataset: digits, recipe: digits, seeds: 0}"


def refusal(path: Path) -> str:
    started = time.process_time()
    with pytest.raises(BadInput) as raised:
        read_grid(path)
    assert time.process_time() - started < 20
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


@pytest.mark.parametrize(
    "block",
    [
        {"seeds": list(range(2001)), "alpha": [n / 100 for n in range(50)], "rounds": 1},
        {"seeds": list(range(1000)), "epochs": list(range(1, 102))},
        {"seeds": list(range(99)), "rounds": 100, "alpha": [0.1, 0.2], "tau": list(range(1, 99))},
    ],
    ids=["seeds", "recipes", "chains"],
)
def test_a_product_that_no_memory_holds_is_refused_quickly(block: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    cell = {"arch": "resnet8", "dataset": "digits", "recipe": "digits", **block}
    path.write_text(yaml.safe_dump({"name": "x", "cells": [cell]}))
    assert "a grid has at most 100,000" in refusal(path)


def test_grids_that_include_each_other_twice_do_not_double_forever(tmp_path: Path) -> None:
    for number in range(30):
        inside = f"include: [g{number + 1}.yaml, ./g{number + 1}.yaml]" if number < 29 else f"cells: [{CELL}]"
        (tmp_path / f"g{number}.yaml").write_text(f"name: g\n{inside}\n")
    assert "at most 1,000 are read" in refusal(tmp_path / "g0.yaml")


@pytest.mark.parametrize("place", ["../outside.yaml", "inside/../../outside.yaml", "link.yaml", "{absolute}"])
def test_an_include_does_not_leave_the_folder(place: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(f"name: o\ncells: [{CELL}]\n")
    folder = tmp_path / "grids"
    (folder / "inside").mkdir(parents=True)
    (folder / "link.yaml").symlink_to(outside)
    path = folder / "grid.yaml"
    path.write_text(f"name: x\ninclude: {place.format(absolute=outside)}\n")
    assert f"is outside of {folder}" in refusal(path)


def test_the_long_name_of_a_file_that_is_not_there_is_cut_in_its_middle(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(f"name: x\ninclude: a{'- ' * 5000}end.yaml\n")
    text = refusal(path)
    assert len(text) < 1500 + len(str(tmp_path)) * 2 and text.count("…") == 1 and "is no file beside this grid" in text


def test_a_grid_may_include_one_above_it_that_the_outermost_has_beside_it(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "beside.yaml").write_text(f"name: b\ncells: [{CELL}]\n")
    (tmp_path / "below" / "inner.yaml").write_text("name: i\ninclude: ../beside.yaml\n")
    (tmp_path / "outer.yaml").write_text("name: o\ninclude: below/inner.yaml\n")
    assert len(read_grid(tmp_path / "outer.yaml").all) == 3
