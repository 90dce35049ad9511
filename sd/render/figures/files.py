"""Figures as files: which were asked for, where they go, and that a file is whole or not there."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from sd import BadInput
from sd.plan.catalogue import nearest
from sd.render.figures.catalogue import FIGURES
from sd.render.figures.drawing import FORMATS, draw
from sd.store.database import Database


def numbers(text: str, format_: str) -> list[int]:
    """``4`` is Figure 4, ``all`` are those that the format can hold.

    Raises:
        BadInput: it is neither, or there is no such format.
    """
    if format_ not in FORMATS:
        raise BadInput(f"--format: {format_!r} is not a format of figures; {nearest(format_, FORMATS)}")
    if text == "all":
        return [number for number, entry in FIGURES.items() if format_ != "csv" or entry.query]
    if not text.isascii() or not text.isdigit() or int(text) not in FIGURES:
        raise BadInput(f"--figure: there is no figure {text!r}; give a number from 1 to {max(FIGURES)}, or all")
    return [int(text)]


def write_figures(
    wanted: Sequence[int],
    database: Database,
    format_: str,
    out: Path | None,
    *,
    checkpoint: str,
    split: str,
    study: str | None,
    keys: Collection[str] | None,
) -> tuple[list[tuple[Path, str]], list[str]]:
    """Draw figures and write them.

    Args:
        out: the file of one figure, the folder of several; ``None``: ``figureN.FORMAT`` in the current folder.

    Returns:
        The files with their captions, and a line for each figure for which there is no data: it has no file.

    Raises:
        BadInput: the place cannot be written, or what :func:`sd.render.figures.drawing.draw` says.
    """
    written, missing = [], []
    for number in wanted:
        path = _path(number, format_, out, several=len(wanted) > 1)
        drawn = draw(number, database, checkpoint=checkpoint, split=split, study=study, keys=keys)
        if drawn.missing:
            missing.append(drawn.missing)
        else:
            _write(path, drawn.written(format_))
            written.append((path, drawn.caption))
    return written, missing


def _path(number: int, format_: str, out: Path | None, *, several: bool) -> Path:
    name = f"figure{number}.{format_}"
    if several and out is not None and out.exists() and not out.is_dir():
        raise BadInput(f"--out: {out} is a file; all figures go to a folder")
    if out is None:
        return Path(name)
    return out / name if several or out.is_dir() else out


def _write(path: Path, content: bytes) -> None:
    """Through a file beside it, so that whoever looks finds the old one or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise BadInput(f"--out: {path} cannot be written ({error.strerror})") from None
