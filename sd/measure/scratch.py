"""What a measure has found so far, kept in a folder, so that one that is stopped or killed goes on from there."""

import json
import os
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sd.durable import sealed, unsealed, write_durably


class Scratch:
    """A folder for the partial results of one measure at one model, or none (``folder`` is ``None``: nothing is kept).

    What is kept belongs to a ``fingerprint`` of all that it depends on; what an older one left is not taken up.
    """

    def __init__(
        self,
        folder: Path | None,
        fingerprint: str = "",
        *,
        save_every: float = 60.0,
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            save_every: seconds between two saved states (:meth:`is_due`).
            before_write: called before anything is written; raises if this process may no longer write.
        """
        self.folder, self._fingerprint = folder, fingerprint
        self._save_every, self._before_write = save_every, before_write
        self._started = self._last = time.monotonic()
        self._before = 0.0

    @classmethod
    def at(cls, folder: Path | None, fingerprint: Callable[..., str], *parts: Any) -> "Scratch":
        """The same, with the fingerprint of ``parts``; which is only taken where anything is kept."""
        return cls(folder, fingerprint(*parts) if folder is not None else "")

    @property
    def seconds(self) -> float:
        """Wall time of this measure so far, that of the processes included whose results were taken up."""
        return self._before + time.monotonic() - self._started

    def is_due(self) -> bool:
        """Whether a state should be saved now."""
        return self.folder is not None and time.monotonic() - self._last >= self._save_every

    def keep(self, name: str, state: dict[str, Any]) -> None:
        """Keep a state of plain JSON values, whole or not at all, in place of the one of this name."""
        if self.folder is None:
            return
        self._before_write()
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {"fingerprint": self._fingerprint, "seconds": self.seconds, "state": state}
        write_durably(self.folder / f"{name}.json", sealed(json.dumps(content).encode()))
        self._last = time.monotonic()

    def kept(self, name: str) -> dict[str, Any] | None:
        """The state of this name; ``None`` if there is none, or one that cannot be used."""
        if self.folder is None:
            return None
        try:
            content = json.loads(unsealed((self.folder / f"{name}.json").read_bytes()) or b"")
            state: dict[str, Any] = content["state"]
            if content["fingerprint"] != self._fingerprint:
                return None
            self._before = max(self._before, float(content["seconds"]))
            return state
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def append(self, name: str, start: int, blob: bytes) -> int:
        """Write ``blob`` durably into the file ``name`` from byte ``start`` on, what stood there included; its CRC."""
        assert self.folder is not None
        self._before_write()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(start)
            file.write(blob)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        return zlib.crc32(blob)

    def clear(self) -> None:
        """Remove everything."""
        if self.folder is not None:
            self._before_write()
            shutil.rmtree(self.folder, ignore_errors=True)
