"""Writing the database as CSV."""

import csv
from pathlib import Path

from sd.store.database import Database
from sd.store.schema import Base
from sd.store.shipped import view_definitions


def export_tables(database: Database, folder: Path) -> list[str]:
    """Write every table and view as ``NAME.csv`` into ``folder``; returns the names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [*(table.name for table in Base.metadata.sorted_tables), *view_definitions()]
    for name in names:
        columns, rows = database.table(name)
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])
    return names
