"""A path that holds no grid is refused in one line, quickly, whatever is there instead."""

import time
from pathlib import Path

import pytest

from sd import BadInput
from sd.plan.grid import read_grid

CELL = "{arch: resnet8, dataset: digits, recipe: digits, seeds: 0}"


def complaint(path: Path) -> str:
    with pytest.raises(BadInput) as raised:
        read_grid(path)
    assert "\n" not in str(raised.value) and str(raised.value).startswith(f"{path}:")
    return str(raised.value)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "grid.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


NESTED = 3000
BOMBS = {
    "aliases of lists": [
        "a0: &a0 [1, 2, 3]",
        *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)),
    ],
    "aliases of mappings": [
        "a0: &a0 {x: 1}",
        *(f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(9))}}}" for i in range(1, 30)),
    ],
    "merged mappings": [
        "a0: &a0 {x: 1}",
        *(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}], k{i}: 1}}" for i in range(1, 30)),
    ],
    "a list that holds itself": ["a: &a [*a, *a]"],
    "a mapping that holds itself": ["a: &a {b: *a}"],
    "lists in lists": ["a: " + "[" * NESTED + "]" * NESTED],
    "mappings in mappings": ["a: " + "{a: " * NESTED + "}" * NESTED],
    "open brackets": ["a: " + "[" * NESTED],
    "blocks in blocks": [" " * i + "- " * 2 for i in range(NESTED)],
    "a number of many digits": ["seeds: " + "1" * 10_000],
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_quickly(name: str, tmp_path: Path) -> None:
    """No limit here is tight: without a guard each of these takes hours, all memory, or the interpreter's stack."""
    path = written(tmp_path, "name: x\n" + "\n".join(BOMBS[name]) + f"\ncells: [{CELL}]\n")
    started = time.perf_counter()
    complaint(path)
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is not UTF-8 text"),
        (b"SQLite format 3\x00", "is not YAML"),
        ("name: ä".encode("latin-1"), "is not UTF-8 text"),
        ("name: x".encode("utf-16"), "is not UTF-8 text"),
        (b"   \n\n# nothing\n", ":1: is not a mapping"),
        (b"name: x\n---\nname: y\n", ":2: is not YAML"),
        (b"name: x\n\tcells: 3\n", ":2: is not YAML"),
        (b"name: x\ncells:\n  - {arch: *nowhere}\n", ":3: is not YAML: found undefined alias 'nowhere'"),
        (b"name: x\ncells:\n  - {seeds: 2026-99-99}\n", ":3: "),
        (b"name: x\ncells:\n  - {seeds: !!int x}\n", ":3: "),
        (b"name: x\ncells:\n  - {arch: !!python/name:os.system x}\n", ":3: is not YAML"),
        (b"import torch\nprint(torch.__version__)\n", "is not"),
        (b'{"name": "x", "cells": 3}', ":1: cells: 3 should be a valid list"),
    ],
)
def test_other_content_is_one_line_with_the_place(content: bytes, text: str, tmp_path: Path) -> None:
    assert text in complaint(written(tmp_path, content))


def test_json_is_yaml_too(tmp_path: Path) -> None:
    path = written(
        tmp_path, '{"name": "x", "cells": [{"arch": "resnet8", "dataset": "digits", "recipe": "digits", "seeds": [0]}]}'
    )
    assert len(read_grid(path).cells) == 1


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_no_mistakes(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbfname: x\r\ncells:\r\n  - " + CELL.encode() + b"\r\n")
    assert read_grid(path).name == "x"


def test_paths_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    assert "is a directory; give a grid file" in complaint(tmp_path)
    assert "no such file" in complaint(tmp_path / "none.yaml")
    assert "cannot be read" in complaint(written(tmp_path, b"x: 1") / "under-a-file.yaml")
    assert "cannot be read" in complaint(tmp_path / ("x" * 300))
    assert "cannot be read" in complaint(tmp_path / "a\0b")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    assert "cannot be read" in complaint(tmp_path / "loop.yaml")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    assert "no such file" in complaint(tmp_path / "gone.yaml")


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    with path.open("wb") as file:
        file.truncate(3_000_000_000)  # sparse: takes no room
    started = time.perf_counter()
    assert "is larger than" in complaint(path)
    assert time.perf_counter() - started < 1
