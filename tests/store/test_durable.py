"""A file is there whole or not at all, whatever fails while it is written."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sd.durable import write_durably


def failing(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("target", ["os.fsync", "os.fdopen", "os.open", "pathlib.Path.replace"])
def test_a_full_disk_leaves_the_old_file(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step of writing is made to fail in turn."""
    path = tmp_path / "record.json"
    write_durably(path, b"old")
    monkeypatch.setattr(target, failing)
    with pytest.raises(OSError, match="No space left"):
        write_durably(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_users_umask_decides_who_may_read(mask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_durably(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_the_content_is_on_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync of the file, then rename, then fsync of the folder."""
    order: list[str] = []

    def noting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            order.append(name)
            return real(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", noting("fsync", os.fsync))
    monkeypatch.setattr(Path, "replace", noting("rename", Path.replace))
    write_durably(tmp_path / "new" / "file", b"content")
    assert order == ["fsync", "rename", "fsync"]
