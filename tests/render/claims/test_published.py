"""The verdicts that the printed numbers alone allow are those of a reading by hand."""

from pathlib import Path

import pytest

from sd.render.claims.judge import CLAIMS
from sd.render.claims.published import Printed, PrintedTables, arrows, printed_verdicts
from sd.store.database import Database, open_database


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return open_database(str(tmp_path_factory.mktemp("db") / "results.db"), create=True)


@pytest.fixture(scope="module")
def printed(database: Database) -> dict[str, Printed]:
    return printed_verdicts(database)


@pytest.mark.parametrize(
    ("claim", "verdict", "short"),
    [
        ("C0", "supported", "5 of 5"),
        ("C1", "contradicted", "R1 > T in 17 of 18 + 4 of 4"),
        ("C2", "supported", "19 of 22 rows"),
        ("C6", "contradicted", "by Table 4; Table 5 agrees"),
        ("C6b", "contradicted", "by Table 4; Table 5 agrees"),
        ("C7", "contradicted", "by Table 5"),
        ("C14", "undecided", "Tables 4, 5 do not show it"),
        ("C15", "supported", "22 of 22 rows"),
    ],
)
def test_the_verdict(printed: dict[str, Printed], claim: str, verdict: str, short: str) -> None:
    assert (printed[claim].verdict, printed[claim].short) == (verdict, short)


def test_all_66_arrows_are_right(database: Database, printed: dict[str, Printed]) -> None:
    assert arrows(PrintedTables(database)) == (66, 66)
    assert "66 of 66 printed arrows agree with the change against the previous round" in printed["C2"].evidence


def test_the_gains_and_their_significance(printed: dict[str, Printed]) -> None:
    """Spec A3 and A4: one counterexample, mean 0.125 points, 6 of 18 and 3 of 4 significant one by one."""
    table2, table3, pooled, *counterexamples = printed["C1"].evidence
    assert "17 of 18 rows, mean gain +0.125 pp" in table2 and "significant in 6 of 18" in table2
    assert "4 of 4 rows" in table3 and "significant in 3 of 4" in table3
    assert "10 clusters" in pooled and "supported" in pooled
    assert counterexamples == ["counterexample: VGG16, augmentation No, α=0.8: 94.38 after 94.39"]


def test_three_rows_rise_at_every_step(printed: dict[str, Printed]) -> None:
    rising = [line for line in printed["C2"].evidence if line.startswith("rises")]
    assert rising == [
        "rises at every step: ResNet18, augmentation Yes, α=0.2",
        "rises at every step: ResNet18, augmentation Yes, α=0.8",
        "rises at every step: ResNet20, augmentation No, α=0.2",
    ]


def test_flatness_and_accuracy(printed: dict[str, Printed]) -> None:
    """Spec A10: ρ −0.4 and −0.1 with the trace, −0.4 and +0.4 with λmax."""
    values = [line.split(") ")[1].split(",")[0] for line in printed["C14"].evidence]
    assert values == ["−0.4", "−0.4", "−0.1", "+0.4"]


def test_claims_of_figures_alone_are_not_printed(printed: dict[str, Printed]) -> None:
    ids = {claim.id for claim in CLAIMS}
    assert ids == {f"C{number}" for number in range(17)} | {"C6b"}
    assert ids - printed.keys() == {"C3", "C4", "C5", "C8", "C9", "C10", "C11", "C12", "C13", "C16"}


def test_nothing_of_ours_enters(tmp_path: Path, printed: dict[str, Printed]) -> None:
    shipped = Path(__file__).resolve().parents[3] / "results.db"
    (tmp_path / "results.db").write_bytes(shipped.read_bytes())
    assert printed_verdicts(open_database(str(tmp_path / "results.db"))) == printed
