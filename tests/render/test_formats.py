"""Every format says the same, escapes what it must, and comes out the same twice."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from sd import BadInput
from sd.render.formats import FORMATS, draw_tables, write_tables
from sd.render.grouped import draw_groups
from sd.render.paper_tables import TITLES, paper_table
from sd.render.table import Entry, Table
from sd.store.database import open_database

HOSTILE = '<script>alert("x")</script> | 100 % & $_{\\}#~^'
TABLE = Table(
    title=HOSTILE,
    caption="α, τ and λ",
    headers=["Name", "Top-1"],
    rows=[[HOSTILE, Entry(1 / 3, 0.1, 2, 3, "↑")], ["plain", Entry(None)]],
    notes=[HOSTILE],
)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> list[Table]:
    database = open_database(str(tmp_path_factory.mktemp("db") / "results.db"), create=True)
    return [paper_table(number, database, checkpoint="best_test") for number in TITLES]


@pytest.mark.parametrize("name", FORMATS)
def test_rendering_is_deterministic_and_shows_every_number(name: str, paper: list[Table]) -> None:
    text = write_tables(paper, name)
    assert text == write_tables(paper, name)
    assert text.endswith("\n") and "95.57" in text and "0.15" in text


def test_markdown_is_aligned_and_a_bar_stays_in_its_cell() -> None:
    rows = [line for line in write_tables([TABLE], "md").splitlines() if line.startswith("|")]
    assert len({len(line) for line in rows}) == 1
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {3}


def test_html_shows_a_hostile_text_as_text() -> None:
    html = write_tables([TABLE], "html")
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 4


def test_csv_holds_full_precision() -> None:
    rows = list(csv.reader(io.StringIO(write_tables([TABLE], "csv"))))
    assert rows == [
        ["Name", "Top-1", "Top-1 std", "Top-1 n"],
        [HOSTILE, str(1 / 3), "0.1", "2"],
        ["plain", "", "", ""],
    ]


def test_csv_says_on_each_line_what_it_is_of(paper: list[Table]) -> None:
    rows = list(csv.reader(io.StringIO(write_tables([paper[1]], "csv"))))
    assert rows[2][:5] == ["ResNet18", "CIFAR-10", "No", "0.2", "ours: appendix_a"]
    assert all(row[0] for row in rows)


def test_a_number_of_ours_leads_to_the_runs_behind_it() -> None:
    """By a link where somebody says to where, else by the command; the address stays text whatever is in it."""
    table = Table("t", "c", ["Top-1"], [[Entry(1.0, why='a "b" <c>')], [Entry(2.0)]])
    linked = write_tables([table], "html", link=lambda why: f"cells/{len(why)}.html")
    assert '<td><a href="cells/9.html">1.00</a></td>' in linked and "<td>2.00</td>" in linked
    told = write_tables([table], "html")
    assert "--why &#39;a &#34;b&#34; &lt;c&gt;&#39;" in told or "--why 'a &#34;b&#34; &lt;c&gt;'" in told
    assert "<c>" not in told


@pytest.mark.parametrize("width", [80, 100, 130])
def test_a_papers_table_fits_a_terminal(width: int, paper: list[Table]) -> None:
    """Whole numbers on lines no longer than the terminal; the notes may wrap by themselves."""
    out = io.StringIO()
    for table in paper:
        draw_groups(table, Console(file=out, width=width))
    lines = out.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines if "±" in line) <= width
    assert sum("97.42" in line for line in lines) == 3


def test_latex_compiles(paper: list[Table], tmp_path: Path) -> None:
    """With a real LaTeX, hostile text included; nothing overflows into an error."""
    if not shutil.which("pdflatex"):
        pytest.skip("pdflatex is not installed")
    body = write_tables([TABLE, *paper], "tex")
    source = (
        "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n" + body + "\\end{document}\n"
    )
    (tmp_path / "tables.tex").write_text(source)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "tables.pdf").stat().st_size > 10_000
    assert "Missing character" not in done.stdout and "Float too large" not in done.stdout


def test_a_table_longer_than_a_page_is_continued_on_the_next() -> None:
    """No group of lines is divided, nothing is lost, and the notes stand once."""
    rows: list[list[str | Entry]] = [[f"row {n}" if n % 3 == 0 else "", str(n)] for n in range(30)]
    table = Table("t", "c", ["Name", "Line"], rows, notes=["note"], identity=1)
    pages = table.pages(10)
    assert [len(page.rows) for page in pages] == [9, 9, 9, 3]
    assert [row for page in pages for row in page.rows] == rows
    assert [page.notes for page in pages] == [[], [], [], ["note"]] and pages[1].title == "t, continued"
    assert table.pages(30) == [table]


def test_a_terminal_gets_the_same_numbers(paper: list[Table]) -> None:
    out = io.StringIO()
    draw_tables([TABLE, *paper], Console(file=out, width=200))
    text = out.getvalue()
    assert "95.57 ± 0.15" in text and HOSTILE in text and "0.33 ± 0.10 ↑ (n=2)" in text


def test_an_unknown_format_says_which_there_are() -> None:
    with pytest.raises(BadInput, match=r"--format: 'pdf' is not a format; .*known: md, terminal, tex, html, csv"):
        write_tables([TABLE], "pdf")


def test_quotations_open_and_close_in_latex() -> None:
    text = write_tables([Table("t", 'it says "No" and "in all cases"', ["a"], [["b"]], ['an inch is 1"'])], "tex")
    assert "``No'' and ``in all cases''" in text
    assert 'an inch is 1"' in text
