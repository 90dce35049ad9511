"""The diagram in sql/README.md is that of the schema: every table with its primary key, and what refers to what."""

from sd import resource
from sd.store.schema import Base

# What belongs to a row of a measure, rather than to the cell directly.
PARTS = {"eigenvalues": "curvature", "spectra": "curvature", "landscape_points": "landscapes"}

# Columns that hold a cell's key or an attempt's id. (Not all are foreign keys: an attempt is known before its cell.)
REFERENCES = {"cell_key": "cells", "teacher_key": "cells", "member_key": "cells", "attempt_id": "attempts"}


def diagram() -> list[str]:
    tables = sorted(Base.metadata.sorted_tables, key=lambda table: table.name)
    lines = ["erDiagram"]
    for table in tables:
        if table.name in PARTS:
            lines.append(f'    {PARTS[table.name]} ||--o{{ {table.name} : "measure_key"')
            continue
        lines += [
            f'    {REFERENCES[column.name]} ||--o{{ {table.name} : "{column.name}"'
            for column in table.columns
            if column.name in REFERENCES
        ]
    for table in tables:
        kinds = {str: "text", int: "integer", float: "real"}
        lines.append(f"    {table.name} {{")
        lines += [f"        {kinds[column.type.python_type]} {column.name} PK" for column in table.primary_key]
        lines.append("    }")
    return lines


def test_the_diagram_is_the_schemas() -> None:
    text = resource("sql", "README.md").read_text()
    assert "```mermaid\n" + "\n".join(diagram()) + "\n```" in text


def test_every_foreign_key_is_drawn() -> None:
    drawn = {tuple(line.split()[::2][:2]) for line in diagram() if "||--o{" in line}
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            assert (PARTS.get(table.name, key.column.table.name), table.name) in drawn
