"""A file of the bundle."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """A file of the bundle.

    Attributes:
        path: within the bundle.
        content: its bytes, or the file that holds them.
        what: it is, in a few words.
        how: the command that makes it again; empty where there is none.
    """

    path: str
    content: bytes | Path
    what: str
    how: str = ""
