"""Where data sets lie, and the command that puts one there."""

import os
import shlex
from pathlib import Path


def data_root(given: Path | None = None) -> Path:
    """Where data sets lie: what was given, else ``SD_DATA``, else ``data/`` here."""
    return given or Path(os.environ.get("SD_DATA") or "data")


def prepare_command(name: str, root: Path) -> str:
    """The command that prepares a data set there."""
    return f"python -m sd.data prepare {name} --data-root {shlex.quote(str(root))}"
