"""The page of verdicts: every format says the same, escapes what it must, and comes out the same twice."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from synthetic import SyntheticRoot, chain

from sd import BadInput
from sd.plan.grid import read_grid
from sd.render.claims.page import FLAT, Page, claims_page
from sd.render.claims.written import CLAIM_FORMATS, draw_claims, write_claims
from sd.store.database import Database, open_database
from sd.store.record import find_records

CHECKOUT = Path(__file__).resolve().parents[3]
HOSTILE = "my_models:x"
MARKUP = '<script>alert("x")</script> | 100 % & $_{\\}#~^'


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shipped") / "results.db"
    shutil.copy(CHECKOUT / "results.db", path)
    return path


@pytest.fixture(scope="module")
def page(shipped: Path) -> Page:
    return claims_page(open_database(str(shipped)), ["best_test", "last"])


@pytest.mark.parametrize("name", CLAIM_FORMATS)
def test_every_format_is_deterministic_and_names_every_claim(name: str, page: Page, shipped: Path) -> None:
    text = write_claims(page, name)
    assert text == write_claims(claims_page(open_database(str(shipped)), ["best_test", "last"]), name)
    assert text.endswith("\n")
    assert "C1" in text and "cannot be decided" in text
    if name != "csv":  # which has a line for each part that was tested
        assert all(claim in text for claim in ("C0", "C6b", "C16"))


def test_the_demonstration_is_too_small_and_it_says_how_many_seeds_would_do(page: Page, tmp_path: Path) -> None:
    text = write_claims(page, "md")
    assert "cannot be decided with n = 5: the smallest p is .0625" in text
    assert "8 seeds instead of 5 would decide it" in text
    assert re.search(r"6 cells, 0\.0\d+ hours of jobs on CPUs, at the pace of cells like them", text)
    lines = [line.strip() for line in text.splitlines() if line.startswith("    - {")]
    (tmp_path / "more.yaml").write_text("name: more\ncells:\n" + "".join(f"  {line}\n" for line in lines))
    assert read_grid(tmp_path / "more.yaml").cells


def test_the_added_cells_are_of_the_same_setting_and_measured_alike(page: Page, shipped: Path, tmp_path: Path) -> None:
    """So that they join the cells that are there; none of them is there already."""
    database = open_database(str(shipped))
    settings = {row["setting"] for row in database.rows("SELECT setting FROM cells")}
    keys = {row["key"] for row in database.rows("SELECT key FROM cells")}
    section = next(section for section in page.sections if section.claim.id == "C6")
    asking = [(case, needed) for case, needed in section.cases if needed and needed.lines]
    ways = {row["measure_key"] for case, _ in asking for row in case.rows}
    lines = [line for _, needed in asking for line in needed.lines]
    (tmp_path / "more.yaml").write_text("name: more\ncells:\n" + "".join(f"  {line}\n" for line in lines))
    cells = read_grid(tmp_path / "more.yaml").cells
    assert {cell.setting for cell, _ in cells} <= settings and not {cell.key for cell, _ in cells} & keys
    assert {measure.key for _, measures in cells for measure in measures} == ways != set()


def test_markdown_tables_are_aligned(page: Page) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", write_claims(page, "md"), flags=re.MULTILINE)
    assert len(blocks) > 5
    for block in blocks:
        assert len({len(line) for line in block.splitlines()}) == 1


def test_csv_and_json_hold_every_part_at_full_precision(page: Page) -> None:
    rows = list(csv.DictReader(io.StringIO(write_claims(page, "csv"))))
    data = json.loads(write_claims(page, "json"))
    assert list(rows[0]) == list(FLAT)
    assert len(rows) == sum(len(claim["parts"]) for claim in data["claims"]) > 50
    first = next(part for part in data["claims"][1]["parts"] if part["dataset"] == "digits")
    assert (first["claim"], first["n"], first["p"], first["smallest_p"]) == ("C1", 5, 0.0625, 0.0625)
    gain = next(row for row in rows if row["claim"] == "C1" and row["dataset"] == "digits")
    assert float(gain["effect"]) == first["effect"] and first["verdict"] == "cannot be decided"


def test_the_gain_is_what_sql_says(page: Page, shipped: Path) -> None:
    rows = open_database(str(shipped)).rows(
        "SELECT avg(gain) AS gain FROM claims_c1"
        " WHERE checkpoint = 'best_test' AND label_noise = 0 AND dataset = 'digits'"
    )
    data = json.loads(write_claims(page, "json"))
    first = next(part for part in data["claims"][1]["parts"] if part["dataset"] == "digits")
    assert first["effect"] == pytest.approx(rows[0]["gain"])


def test_the_printed_numbers_stand_beside_ours(page: Page) -> None:
    row = next(row for row in page.summaries[0].texts() if row[0].startswith("C6 "))
    assert row[-1] == "contradicted (by Table 4; Table 5 agrees)"
    assert [table.title for table in page.summaries] == [f"Verdicts at checkpoint {c}" for c in ("best_test", "last")]


def test_a_terminal_gets_it_drawn(page: Page) -> None:
    out = io.StringIO()
    draw_claims(page, Console(file=out, width=160))
    text = out.getvalue()
    assert "Verdicts at checkpoint best_test" in text and "C16" in text
    assert "not printed" in text and "- {arch: resnet8, dataset: digits" in text


def test_a_database_without_facts_says_what_makes_them(tmp_path: Path) -> None:
    empty = claims_page(open_database(str(tmp_path / "empty.db"), create=True), ["best_test", "last"])
    for name in CLAIM_FORMATS:
        assert write_claims(empty, name)
    text = write_claims(empty, "md")
    assert text.count("no data: missing; made by cells of a grid with ") == 18
    assert "measure: \\[" not in text and "with rounds: 3, measure: [fidelity]: python -m sd.launch GRID" in text
    assert "**contradicted** (R1 \\> T in 17 of 18 + 4 of 4)" in text


@pytest.fixture
def hostile(synthetic: SyntheticRoot, tmp_path: Path) -> Database:
    """Cells whose names, as another program's records could have them, are markup."""
    for seed in range(2):
        for cell in chain(1, seed=seed, arch=HOSTILE):
            synthetic.train(cell, top1=90.0 + cell.round + seed)
    database = open_database(str(tmp_path / "hostile.db"), create=True)
    database.ingest(find_records(synthetic.root))
    import sqlalchemy as sa

    with sa.create_engine(f"sqlite:///{database.shown}").begin() as connection:
        connection.execute(sa.text("UPDATE cells SET aug = :text, protocol = :text"), {"text": MARKUP})
    return database


def test_hostile_names_are_shown_as_text(hostile: Database) -> None:
    page = claims_page(hostile, ["best_test"])
    html = write_claims(page, "html")
    assert "<script" not in html and html.count("&lt;script&gt;") >= 3
    tex = write_claims(page, "tex")
    assert r"100 \% \& \$\_\{" in tex
    data: dict[str, Any] = json.loads(write_claims(page, "json"))
    assert MARKUP in data["claims"][1]["parts"][0]["protocol"]
    blocks = re.findall(r"(?:^\|.*\n)+", write_claims(page, "md"), flags=re.MULTILINE)
    assert all(len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1 for block in blocks)


def test_latex_compiles(page: Page, hostile: Database, tmp_path: Path) -> None:
    if not shutil.which("pdflatex"):
        pytest.skip("pdflatex is not installed")
    body = "".join(write_claims(one, "tex") for one in (page, claims_page(hostile, ["last"])))
    packages = "".join(f"\\usepackage{{{name}}}\n" for name in ("array", "booktabs", "longtable"))
    (tmp_path / "claims.tex").write_text(
        f"\\documentclass{{article}}\n{packages}\\begin{{document}}\n{body}\\end{{document}}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "claims.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]


def test_every_sign_of_the_page_is_one_that_latex_knows(page: Page) -> None:
    """Without a LaTeX to ask: what is left of other alphabets are letters with accents."""
    left = {sign for sign in write_claims(page, "tex") if ord(sign) > 127}
    assert left <= set("éüö×"), left


def test_an_unknown_format_says_which_there_are(page: Page) -> None:
    with pytest.raises(BadInput, match=r"--format: 'pdf' is not a format; .*csv, json"):
        write_claims(page, "pdf")


def report(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sd.report", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_the_command(shipped: Path) -> None:
    done = report("--claims", "jobs/digits.yaml", "--format", "csv", "--checkpoint", "last", cwd=shipped.parent)
    assert done.returncode == 0, done.stderr
    assert {row["checkpoint"] for row in csv.DictReader(io.StringIO(done.stdout))} == {"last"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--claims", "--table", "2"], "--claims goes with neither --table nor --cost"),
        (["--claims", "--checkpoint", "first"], "--checkpoint: 'first' is not a checkpoint"),
        (["--table", "6"], "--table: there is no table 6; give one of 1, 2, 3, 4, 5, all"),
        (["--claims", "--format", "png"], "--format: 'png' is not a format"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], problem: str, shipped: Path) -> None:
    done = report(*arguments, cwd=shipped.parent)
    assert done.returncode == 2 and done.stderr.startswith(problem) and done.stderr.count("\n") == 1


def test_a_table_needs_neither_scipy_nor_torch() -> None:
    """They take longer to import than the table to render."""
    code = "import sys, sd.report; print([m for m in ('scipy', 'torch', 'numpy', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_excerpt_of_the_readme_is_what_the_command_prints(shipped: Path) -> None:
    readme = (CHECKOUT / "README.md").read_text()
    section = readme.split("\n## The paper's claims\n")[1].split("\n## ")[0]
    printed = report("--claims", "jobs/digits.yaml", cwd=shipped.parent).stdout.splitlines()
    lines = [line for line in section.splitlines() if re.match(r"\| |    - \{|Digits|\d+ cells", line)]
    assert len(lines) > 10
    assert [line for line in lines if line not in printed] == []


def test_numbers_have_signs_as_in_the_tables_and_nothing_is_minus_zero(page: Page) -> None:
    text = write_claims(page, "md").replace("--", "")
    assert "−50 pp" in text
    assert not re.findall(r"(?<=[\[( ])-\d[\d.]*(?=,| pp| %|\])", text)
    assert not re.findall(r"[+−-]0 %|[+−-]0\.00 ", text)


@pytest.mark.parametrize("format_", ["md", "tex", "html", "terminal", "json"])
def test_each_claim_says_which_command_shows_its_runs(page: Page, format_: str) -> None:
    text = write_claims(page, format_)
    assert "sd.report" in text and "why claim:C1" in text
