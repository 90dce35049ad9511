"""The facts of many cells at a time: a query for each table and some hundred cells, rather than one for each cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from sd.store.database import Database
from sd.store.schema import Base

CURVES = ("epoch", "train_loss", "test_loss", "val_loss", "train_top1", "test_top1", "val_top1")
"""The columns of :func:`curves_of`."""


def facts_of(database: Database, table: str, keys: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows of a table that belong to these cells, by cell, in the order of the table's primary key."""
    source = Base.metadata.tables[table]
    cell = source.c.key if table == "cells" else source.c.cell_key
    order = [source.c.number] if table == "attempts" else list(source.primary_key)
    names = [column.name for column in source.c]
    found: dict[str, list[dict[str, Any]]] = {}
    for row in database.tuples(sa.select(cell, source).where(cell.in_(keys)).order_by(cell, *order)):
        found.setdefault(row[0], []).append(dict(zip(names, row[1:], strict=True)))
    return found


def curves_of(database: Database, keys: Sequence[str]) -> dict[str, npt.NDArray[np.float64]]:
    """The epochs of these cells, by cell: float64 [epochs, len(CURVES)], NaN where nothing was measured."""
    epochs = Base.metadata.tables["epochs"].c
    mine = epochs.cell_key.in_(keys)
    counts = database.tuples(
        sa.select(epochs.cell_key, sa.func.count()).where(mine).group_by(epochs.cell_key).order_by(epochs.cell_key)
    )
    columns = sa.select(*(epochs[name] for name in CURVES)).where(mine).order_by(epochs.cell_key, epochs.epoch)
    with database.reading() as connection:  # ten thousand cells have millions: as the driver gives them, all at once
        cursor = connection.execute(columns).cursor
        rows = cursor.fetchall() if cursor else []
    values = np.array(rows, dtype=np.float64).reshape(-1, len(CURVES))
    ends = np.cumsum([count for _, count in counts], dtype=int)
    return {key: part for (key, _), part in zip(counts, np.split(values, ends[:-1]), strict=True)} if counts else {}
