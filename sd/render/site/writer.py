"""Pages into files: templates are compiled once, and everything that is put into them is escaped."""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sd import resource
from sd.render.site.catalogue import slug
from sd.render.table import Table
from sd.render.words import duration

NAME = "Does self-distillation hold?"


@dataclass(frozen=True)
class Frame:
    """What all pages of a site have in common.

    Attributes:
        version: of sd.
        digest: of the content of the database.
        places: name and page of what the menu leads to.
        grid: the name of the grid to which the site is limited; empty: the whole database.
    """

    version: str
    digest: str
    places: Sequence[tuple[str, str]]
    grid: str = ""
    name: str = NAME


class Writer:
    """Writes the files of a site into its folder."""

    def __init__(self, folder: Path, frame: Frame) -> None:
        self.folder = folder
        self._environment = environment()
        self._environment.globals["site"] = frame

    def page(self, path: str, template: str, here: str, **values: Any) -> None:
        """Fill in ``templates/site/TEMPLATE.html.jinja``.

        Args:
            path: of the page in the site.
            here: the place in the menu that it belongs to.
        """
        root = "../" * path.count("/")
        text = self._environment.get_template(f"site/{template}.html.jinja").render(
            root=root, path=path, here=here, **values
        )
        self.file(path, text.encode())

    def file(self, path: str, content: bytes) -> None:
        """Write a file of the site as it is."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def assets(self) -> None:
        """Copy what every page uses: styles, scripts, and the library with its licence."""
        shutil.copytree(resource("templates", "site", "assets"), self.folder / "assets", copy_function=shutil.copyfile)


def environment() -> Environment:
    """Templates whose values are all escaped; a name that is not given is a mistake."""
    made = Environment(
        loader=FileSystemLoader(resource("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.filters.update(
        short=short, hours=hours, moment=moment, duration=duration, slug=slug, filled=filled, sentence=sentence
    )
    made.tests["listed"] = lambda line: line.startswith("- ")
    return made


def short(value: float, digits: int = 4) -> str:
    """A number to so many significant digits, without an exponent where it can be read."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return str(value)
    text = f"{value:#.{digits}g}" if 1e-3 <= abs(value) < 10**digits else f"{value:,.0f}" if abs(value) >= 1 else ""
    return text.rstrip(".") or (f"{value:.{digits - 1}e}" if value else "0")


def hours(value: float) -> str:
    """``12,345``, ``12.3``, ``0.12``."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def moment(value: str) -> str:
    """``2026-11-23 20:27:58`` of a time in UTC as the database has it."""
    return value[:19].replace("T", " ")


def sentence(text: str) -> str:
    """Text that begins with a capital."""
    return text[:1].upper() + text[1:]


class Above(str):
    """What a cell of a table repeats from the row above."""

    above = True


def filled(table: Table, columns: int) -> list[list[Any]]:
    """The rows of a table in which a blank in the first columns, which means «as above», says what is above."""
    rows: list[list[Any]] = []
    for row in table.rows:
        over = rows[-1] if rows else row
        rows.append([Above(over[n]) if n < columns and item == "" and over[n] else item for n, item in enumerate(row)])
    return rows
