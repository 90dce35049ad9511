"""What datasette shows of the database: descriptions out of ``sql/README.md``, and the queries of ``sql/queries``."""

import json
import re
from typing import Any

from sd import resource
from sd.store.queries import Query, queries, relations


def written_metadata(database: str) -> str:
    """The contents of a ``metadata.json`` for the database that datasette calls ``database``: its file without .db."""
    return json.dumps(metadata(database), ensure_ascii=False, indent=1) + "\n"


def metadata(database: str) -> dict[str, Any]:
    """The same as data: each table and view with its description and columns, and each query with its SELECT."""
    text = resource("sql", "README.md").read_text(encoding="utf-8")
    return {
        "title": "Revisiting Self-Distillation: published numbers and our runs",
        "license": "MIT",
        "databases": {
            database: {
                "description": "Made from the records beside the checkpoints. Accuracies are in percent, losses in "
                "nats, times in seconds and UTC, sizes in bytes.",
                "tables": {name: _described(_section(text, name)) for name in relations()},
                "queries": {query.name: _canned(query) for query in queries().values()},
            }
        },
    }


def _section(text: str, name: str) -> str:
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def _described(section: str) -> dict[str, Any]:
    """The prose of a section, and the columns of its table; a line for several columns is of each."""
    lines = section.splitlines()
    prose = " ".join(line for line in lines if line and not line.startswith("|"))
    columns = {}
    for line in lines:
        if line.startswith("| `"):
            names, meaning = (part.strip() for part in line.strip("| ").split(" | ", 1))
            columns.update({name: meaning.strip() for name in re.findall(r"`(\w+)`", names)})
    return {
        "description": _plain(prose),
        **({"columns": {n: _plain(m) for n, m in columns.items()}} if columns else {}),
    }


def _canned(query: Query) -> dict[str, Any]:
    told = [f"{p.name}: {p.meaning}{f' (such as {p.default})' if p.default else ''}." for p in query.parameters]
    return {
        "title": query.question,
        "description": " ".join([query.row, *told]),
        "sql": query.sql,
        **({"params": [parameter.name for parameter in query.parameters]} if query.parameters else {}),
    }


def _plain(markdown: str) -> str:
    return markdown.replace("`", "").replace("\\|", "|")
