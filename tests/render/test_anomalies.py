"""What is odd about the printed tables is found in the printed numbers, and goes away with them."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from sd.render.anomalies import anomalies, footnotes
from sd.render.claims.published import PrintedTables, arrows
from sd.render.paper_tables import TITLES, paper_table
from sd.store.database import Database, open_database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(str(tmp_path / "results.db"), create=True)


def line(database: Database, table: int, name: str) -> str:
    return next(text for text in footnotes(table, database).lines if text.startswith(f"[{name}] "))


@pytest.mark.parametrize(
    ("table", "name", "evidence"),
    [
        (1, "A1", "like the row above it (98.40)"),
        (1, "A12", "95.56 here, 95.57 there; 97.16 here, 97.15 there"),
        (1, "A13", "of the 6 CIFAR-10 students, 2 are Table 2's at α = 0.2, 5 at 0.5, 0 at 0.8, and 4 its best"),
        (1, "A15", "it has rows 1 to 5 of 15"),
        (2, "A2", "Printed is 95.57 → 95.80 → 95.58 → 95.62; the last quoted is the SAM column (96.25)"),
        (2, "A3", "8 of the 54 students of this table are (1 of 18 of round 1)"),
        (2, "A4", "17 of 18 rows, by +0.125 points in the mean (−0.01 to +0.30"),
        (2, "A5", "2 of 18 rows"),
        (2, "A6", "SAM is more accurate than round 1 in 18 of 18 rows, and than the best round in 16"),
        (3, "A5", "1 of 4 rows"),
        (3, "A20a", "augmentation Yes: 93.28, 93.25; augmentation No: 92.94, 92.69"),
        (4, "A8", "R1 trace 205.79 after 197.53; R1 λmax 11.2 after 9.24; R3 trace 271.71"),
        (4, "A10", "with the trace is −0.4, with λmax −0.4, over 4 models"),
        (5, "A7", "less accurate (63.26) than every student (65.45 and more)"),
        (5, "A9", "(R2 λmax 14.23 after 13.52)"),
        (5, "A10", "with the trace is −0.1, with λmax +0.4, over 5 models"),
        (5, "A11", "None of the 15 numbers"),
    ],
)
def test_a_footnote_has_its_evidence(table: int, name: str, evidence: str, database: Database) -> None:
    """The numbers are those of a reading by hand of the paper's tables."""
    assert evidence in line(database, table, name)


@pytest.mark.parametrize("table", [1, 2, 3, 4, 5])
def test_a_mark_leads_to_one_footnote(table: int, database: Database) -> None:
    names = [text.partition("]")[0] for text in footnotes(table, database).lines]
    assert len(names) == len(set(names)) > 0


def test_all_66_arrows_are_right_and_19_would_be_wrong_against_the_first_teacher(database: Database) -> None:
    counts = [list(map(int, re.findall(r"\d+", line(database, table, "arrows")))) for table in (2, 3)]
    assert [sum(column) for column in zip(*counts, strict=True)] == [66, 66, 19]
    assert arrows(PrintedTables(database)) == (66, 66)


def test_a_mark_stands_where_the_number_stands(database: Database) -> None:
    rows = paper_table(2, database, checkpoint="best_test").texts()
    marked = [(row[0], row[2], row[3], place) for row in rows for place in row[5:] if "[A3]" in place]
    assert ("VGG16", "No", "0.8", "94.38 ± 0.07 ↓ [A3]") in marked and len(marked) == 8
    svhn = paper_table(4, database, checkpoint="best_test").texts()
    assert svhn[2][3] == "205.79 [A8]" and svhn[2][5] == "11.20 [A8]" and svhn[4][3] == "98.62"


def test_a_footnote_goes_when_its_evidence_goes(database: Database) -> None:
    """Nothing is said that the numbers in the database do not say."""
    with database._engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE published SET mean = 99 WHERE source = 'Table 5' AND metric = 'lambda_max' AND model = 'T'")
        )
        connection.execute(
            sa.text("UPDATE published SET mean = 94.40 WHERE source = 'Table 2' AND \"row\" = 9 AND model = 'R1'")
        )
    assert not any(text.startswith("[A9]") for text in footnotes(5, database).lines)
    assert "7 of the 54 students of this table are (0 of 18" in line(database, 2, "A3")


@pytest.mark.parametrize("table", TITLES)
def test_every_mark_has_its_footnote_and_every_footnote_is_one_line(table: int, database: Database) -> None:
    found = footnotes(table, database)
    named = {text[1 : text.index("]")] for text in found.lines}
    assert {name for names in found.marks.values() for name in names} <= named
    assert all("\n" not in text and "{" not in text for text in found.lines)


def test_every_anomaly_is_of_some_table() -> None:
    assert all(anomaly.tables <= set(TITLES) and anomaly.says.endswith(".") for anomaly in anomalies())
