"""How a table is written: Markdown, LaTeX, HTML and CSV from ``templates/``, or drawn in a terminal."""

import csv
import io
import re
from collections.abc import Callable, Sequence

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from sd import BadInput, resource
from sd.plan.catalogue import nearest
from sd.render.grouped import draw_groups
from sd.render.table import Entry, Table

FORMATS = ("md", "terminal", "tex", "html", "csv")

# Columns of a drawing that no terminal cuts short: what is written to a file or a pipe.
_WIDE = 250

_TEX = {
    "\\": r"\textbackslash{}",
    **{sign: rf"\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "α": r"$\alpha$",
    "τ": r"$\tau$",
    "λ": r"$\lambda$",
    "†": r"\dag{}",
    "—": r"\textemdash{}",
    "–": r"\textendash{}",
    "−": r"$-$",
    "½": r"$\frac{1}{2}$",
    "²": r"$^2$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "ρ": r"$\rho$",
    "…": r"\dots{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "“": "``",
    "”": "''",
    "’": "'",
}


def write_tables(tables: Sequence[Table], format_: str, *, link: Callable[[str], str] | None = None) -> str:
    """The tables in one of :data:`FORMATS`. Raises ``BadInput`` for any other.

    Args:
        link: of the HTML, where a number's address (:attr:`Entry.why`) leads to; without it the address is shown, in
            a command that explains the number.
    """
    if format_ not in FORMATS:
        raise BadInput(f"--format: {format_!r} is not a format; {nearest(format_, FORMATS)}")
    if format_ == "terminal":
        return drawing(lambda console: draw_tables(tables, console))
    return rendered(f"tables.{format_}.jinja", tables=tables, **({"link": link} if format_ == "html" else {}))


def rendered(template: str, **values: object) -> str:
    """A template of ``templates/`` filled in; values are escaped as its format needs."""
    return _environment().get_template(template).render(**values)


def drawing(draw: Callable[[Console], None]) -> str:
    """What is drawn for a terminal, as text that is as wide as it must be."""
    out = io.StringIO()
    draw(Console(file=out, width=_WIDE))
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def draw_tables(tables: Sequence[Table], console: Console) -> None:
    """Draw the tables for someone at a terminal."""
    for table in tables:
        if table.identity:
            draw_groups(table, console)
        else:
            console.print(drawn(table), markup=False)
        for note in table.notes:
            console.print(note, markup=False, highlight=False, soft_wrap=True)
        console.print()


def drawn(table: Table) -> RichTable:
    """A table without its notes, for rich to print."""
    result = RichTable(title=table.title, caption=table.caption, title_justify="left", caption_justify="left")
    for header in table.headers:
        result.add_column(Text(header))
    for row in table.texts():
        result.add_row(*map(Text, row))
    return result


def _is_number(table: Table) -> list[bool]:
    """Of each column, whether it holds entries."""
    return [any(isinstance(row[column], Entry) for row in table.rows) for column in range(len(table.headers))]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(resource("templates")),
        autoescape=lambda name: bool(name) and ".html" in str(name),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(tex=_tex, md=_md, aligned=aligned, csv_rows=_csv_rows)
    return environment


def _tex(text: str) -> str:
    """Text for LaTeX: its special characters escaped, the field's signs as its commands, quotations as it has them."""
    quoted = re.sub(r'"([^"]*)"', "“\\1”", text)
    return "".join(_TEX.get(character, character) for character in quoted).replace("--", "-{}-")


def _md(text: str) -> str:
    """Text for a Markdown table cell."""
    return re.sub(r"([|<>*`\\])", r"\\\1", text.replace("\n", " "))


def aligned(table: Table) -> list[str]:
    """The lines of a Markdown table, columns aligned for whoever reads it as text."""
    lines = [[_md(text) for text in line] for line in [table.headers, *table.texts()]]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(table.headers))]
    padded = ["| " + " | ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return [padded[0], "| " + " | ".join("-" * width for width in widths) + " |", *padded[1:]]


def _csv_rows(table: Table) -> str:
    """The table as CSV: an entry becomes three columns (mean, std, n), at full precision; text stays one.

    Lines that belong to one row each say what they are of.
    """
    numeric = _is_number(table)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    header: list[str] = []
    for name, is_number in zip(table.headers, numeric, strict=True):
        header += [name, f"{name} std", f"{name} n"] if is_number else [name]
    writer.writerow(header)
    identity: list[str | Entry] = []
    for row in table.rows:
        values: list[object] = []
        identity = row[: table.identity] if row and row[0] else identity
        for item, is_number in zip([*identity, *row[len(identity) :]], numeric, strict=True):
            if isinstance(item, Entry):
                values += [item.mean, item.std, item.n]
            else:
                values += [item, None, None] if is_number else [item]
        writer.writerow(["" if value is None else value for value in values])
    return out.getvalue()
