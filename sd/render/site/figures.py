"""The site's figures: each drawn once, as a picture to be looked at closely and as files to be taken along."""

from collections.abc import Collection
from dataclasses import dataclass

from sd import BadInput
from sd.render.figures.caption import STANDS_IN
from sd.render.figures.catalogue import FIGURES
from sd.render.site.writer import Writer
from sd.store.database import Database

_FILES = {"svg": "SVG", "pdf": "PDF", "csv": "data as CSV"}


@dataclass(frozen=True)
class FigurePage:
    """A figure of the site.

    Attributes:
        missing: what is missing and the command that makes it; empty if there is a picture.
        files: name and file of what can be downloaded.
    """

    number: int
    title: str
    caption: str
    missing: str
    files: tuple[tuple[str, str], ...] = ()

    @property
    def stands_in(self) -> bool:
        """Whether another study is shown than the paper's, as its caption then says."""
        return STANDS_IN in self.caption

    @property
    def stem(self) -> str:
        return f"figure{self.number}"


def write_figure(writer: Writer, database: Database, number: int, keys: Collection[str] | None) -> FigurePage:
    """Draw a figure and write its page and files; matplotlib, which it needs, is imported here."""
    from sd.render.figures.drawing import draw

    try:
        drawn = draw(number, database, keys=keys)
        content = {} if drawn.missing else {name: drawn.written(name) for name in _FILES if name != "csv" or drawn.rows}
        page = FigurePage(number, drawn.title, drawn.caption, drawn.missing)
    except BadInput as error:
        content, page = {}, FigurePage(number, FIGURES[number].title, "", str(error))
    for format_, file in content.items():
        writer.file(f"figures/{page.stem}.{format_}", file)
    files = tuple((_FILES[format_], f"{page.stem}.{format_}") for format_ in content)
    page = FigurePage(page.number, page.title, page.caption, page.missing, files)
    writer.page(f"figures/{page.stem}.html", "figure", "Figures", page=page, last=max(FIGURES))
    return page
