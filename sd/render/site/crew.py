"""What takes long, the tables, figures and pages of the cells, done by several processes side by side."""

import multiprocessing
import os
import signal
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sd.render.figures.catalogue import FIGURES
from sd.render.site.catalogue import Catalogue
from sd.render.site.cells import AT_A_TIME, write_cells
from sd.render.site.figures import FigurePage, write_figure
from sd.render.site.table_pages import Tables, write_table_pages
from sd.render.site.writer import Frame, Writer
from sd.store.database import Database

# Cells that one process takes on at a time.
_SHARE = 4 * AT_A_TIME

# More processes than these would wait for the disk and for the database.
_MOST = 4


@dataclass(frozen=True)
class Order:
    """What every process needs to know: where to write, and from what."""

    folder: Path
    frame: Frame
    database: Database
    catalogue: Catalogue
    keys: Collection[str] | None


class Crew:
    """Processes at work on the tables, the figures and the pages of cells."""

    def __init__(self, pool: ProcessPoolExecutor, tables: Tables, cells: int) -> None:
        self._tables = pool.submit(_tables, tables)  # the longest piece of work begins first
        self._figures: list[Future[FigurePage]] = [pool.submit(_figure, number) for number in FIGURES]
        self._cells = [pool.submit(_cells, start) for start in range(0, cells, _SHARE)]

    def grid_pages(self) -> dict[str, str]:
        """The file of each grid that has a page of tables, by the grid's name, once all tables are written."""
        return self._tables.result()

    def figures(self) -> list[FigurePage]:
        """The figures, once they are all drawn."""
        return [future.result() for future in self._figures]

    def finish(self) -> None:
        """Wait for the pages of the cells."""
        for future in self._cells:
            future.result()


@contextmanager
def crew(order: Order, tables: Tables) -> Iterator[Crew]:
    """Processes that begin at once, and are gone at the end of the block."""
    pool = ProcessPoolExecutor(
        min(os.cpu_count() or 1, _MOST),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(order,),
    )
    try:
        yield Crew(pool, tables, len(order.catalogue.cells))
    finally:
        pool.shutdown(cancel_futures=True)


_order: Order | None = None
_writer: Writer | None = None


def _begin(order: Order) -> None:
    """In a new process: an interrupt is for the first one to act on."""
    global _order, _writer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _order, _writer = order, Writer(order.folder, order.frame)


def _tables(tables: Tables) -> dict[str, str]:
    assert _order
    assert _writer
    return write_table_pages(_writer, tables, _order.catalogue)


def _figure(number: int) -> FigurePage:
    assert _order
    assert _writer
    return write_figure(_writer, _order.database, number, _order.keys)


def _cells(start: int) -> None:
    assert _order
    assert _writer
    catalogue = _order.catalogue
    write_cells(_writer, _order.database, catalogue, catalogue.cells[start : start + _SHARE])
