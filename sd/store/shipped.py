"""What a database holds that no run has measured: the views of ``sql/`` and the paper's published numbers."""

import csv
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sd import resource
from sd.store.rows import insert, select
from sd.store.schema import SCHEMA_VERSION, Base


def meta(connection: Connection) -> dict[str, str]:
    """What the database says it was made with; to be compared with :func:`expected_meta`."""
    return {row["name"]: row["value"] for row in select(connection, "SELECT name, value FROM meta", {})}


def refresh(connection: Connection) -> None:
    """Make the views anew and fill in the published numbers, where they are not those of this version."""
    if meta(connection) == expected_meta():
        return
    views = view_definitions()
    for name in reversed(views):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
    for definition in views.values():
        connection.execute(sa.text(definition.replace(":", r"\:")))  # no sign in it is a parameter
    contents = {"published": list(_published()), "meta": [{"name": n, "value": v} for n, v in expected_meta().items()]}
    for name, rows in contents.items():
        connection.execute(sa.delete(Base.metadata.tables[name]))
        insert(connection, Base.metadata.tables[name], rows)


@cache
def expected_meta() -> dict[str, str]:
    """The schema version, and the SHA-256 of what comes with the code rather than from a run."""
    columns = " ".join(f"{table.name}.{column.name}" for table in Base.metadata.sorted_tables for column in table.c)
    views = "\n".join(view_definitions().values()).encode()
    published = resource("sql", "published.csv").read_bytes()
    return {
        "schema_version": str(SCHEMA_VERSION),
        "columns": hashlib.sha256(columns.encode()).hexdigest(),
        "views": hashlib.sha256(views).hexdigest(),
        "published": hashlib.sha256(published).hexdigest(),
    }


def view_definitions() -> dict[str, str]:
    """The CREATE VIEW statement of each view of ``sql/views``, by name, in an order in which each can be made."""
    definitions = {}
    for path in sorted(resource("sql", "views").glob("*.sql")):
        text = re.sub(
            r"^@include (\S+)$",
            lambda match: resource("sql", *match[1].split("/")).read_text().rstrip(),
            path.read_text(),
            flags=re.MULTILINE,
        )
        name = re.search(r"^CREATE VIEW (\w+) AS", text, flags=re.MULTILINE)
        assert name, f"{path} defines no view"
        definitions[name[1]] = re.sub(r"^--.*\n", "", text, flags=re.MULTILINE).strip().rstrip(";").rstrip()
    return definitions


def _published() -> Iterator[dict[str, Any]]:
    columns = Base.metadata.tables["published"].c
    with resource("sql", "published.csv").open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            values = {name: columns[name].type.python_type(text) if text else None for name, text in row.items()}
            yield {"id": number, **values}
