"""The bundle as a zip file: the same bytes for the same facts, and whole or not there."""

import hashlib
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from sd import BadInput, resource
from sd.durable import draft
from sd.render.bundle.circumstances import circumstances
from sd.render.bundle.part import Part
from sd.render.bundle.results import results
from sd.render.formats import rendered
from sd.render.missing_of_paper import Look
from sd.render.provenance.asked import Sources

TOP = "sd-results"
"""The folder that holds everything in the zip."""

# The earliest date that a zip can say; the day on which it is written would make each another.
_DATE = (1980, 1, 1, 0, 0, 0)

_CHUNK = 1 << 20


def write_bundle(path: Path, look: Look, sources: Sources) -> list[str]:
    """Write the bundle to ``path``; returns the names of its files.

    Raises:
        BadInput: the place cannot be written; nothing is there then that was not before.
    """
    if path.is_dir() or path.suffix != ".zip":
        raise BadInput(f"--bundle: {path} is not the name of a zip file; give one such as {path.stem or 'out'}.zip")
    grids = sorted(grid.stem for grid in resource("jobs").glob("*.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        parts = [*results(look, sources, grids), *circumstances(look.database, Path(folder))]
        parts = sorted([*parts, _readme(parts)], key=lambda part: part.path)
        parts.append(_sums(parts))
        try:
            with draft(path) as file, zipfile.ZipFile(file, "w") as archive:
                for part in parts:
                    _add(archive, part)
        except OSError as error:
            raise BadInput(f"--bundle: {path} cannot be written ({error.strerror or error})") from None
    return [part.path for part in parts]


def _readme(parts: Sequence[Part]) -> Part:
    ordered = sorted(parts, key=lambda part: part.path)
    text = rendered("bundle.md.jinja", parts=ordered, top=TOP)
    return Part("README.md", text.encode(), "what is what, and how to make it again")


def _sums(parts: Sequence[Part]) -> Part:
    """In the format of sha256sum."""
    lines = "".join(f"{_sha256(part)}  {part.path}\n" for part in parts)
    return Part("SHA256SUMS", lines.encode(), "of every file", "sha256sum --check SHA256SUMS")


def _sha256(part: Part) -> str:
    if isinstance(part.content, bytes):
        return hashlib.sha256(part.content).hexdigest()
    with part.content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(archive: zipfile.ZipFile, part: Part) -> None:
    info = zipfile.ZipInfo(f"{TOP}/{part.path}", _DATE)
    info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
    if isinstance(part.content, bytes):
        archive.writestr(info, part.content)
        return
    info.file_size = part.content.stat().st_size
    with part.content.open("rb") as source, archive.open(info, "w") as target:
        while chunk := source.read(_CHUNK):
            target.write(chunk)
