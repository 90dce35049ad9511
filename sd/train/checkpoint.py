"""Checkpoints: written whole or not at all, known by their SHA-256, read without running anything in them."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from sd.durable import sealed, unsealed, write_durably
from sd.plan.cell import checkpoint_file


class BadCheckpoint(Exception):
    """A checkpoint is missing, damaged, or not the one that was expected; the text says which and what to do."""


def save(path: Path, content: dict[str, Any]) -> str:
    """Write tensors and plain values durably; returns the SHA-256 of the file, in hexadecimal."""
    blob = _packed(content)
    write_durably(path, blob)
    return hashlib.sha256(blob).hexdigest()


def save_as(folder: Path, checkpoint: str, content: dict[str, Any]) -> tuple[str, int]:
    """The same under the name that a checkpoint with this content has (``checkpoint_file``); its SHA-256 and size."""
    blob = _packed(content)
    sha256 = hashlib.sha256(blob).hexdigest()
    write_durably(folder / checkpoint_file(checkpoint, sha256), blob)
    return sha256, len(blob)


def save_sealed(path: Path, content: dict[str, Any]) -> None:
    """The same for a file whose SHA-256 nobody else keeps: it ends with it."""
    write_durably(path, sealed(_packed(content)))


def load(path: Path, device: torch.device, *, sha256: str | None = None) -> dict[str, Any]:
    """What :func:`save` or :func:`save_sealed` wrote, on ``device``.

    Raises:
        BadCheckpoint: no such file, its SHA-256 is not the given one (both are named), or it cannot be read.
    """
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise BadCheckpoint(f"{path}: cannot be read ({error.strerror}); run the grid again to train it anew") from None
    found = hashlib.sha256(blob).hexdigest()
    if sha256 is not None and found != sha256:
        raise BadCheckpoint(
            f"{path}: is not the checkpoint that was recorded (SHA-256 {found}, recorded {sha256}); "
            "delete its folder and run the grid again to train it anew"
        )
    whole = unsealed(blob)
    if whole is None:
        raise BadCheckpoint(f"{path}: is damaged (SHA-256 {found}); delete it and run the grid again")
    try:
        content: dict[str, Any] = torch.load(io.BytesIO(whole), map_location=device, weights_only=True)
    except Exception as error:
        raise BadCheckpoint(f"{path}: is damaged ({type(error).__name__}); delete it and run the grid again") from None
    return content


def _packed(content: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
