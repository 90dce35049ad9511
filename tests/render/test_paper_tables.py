"""The paper's Tables 1 to 5: its rows in its order, ours below with the difference, and what is missing said so."""

from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd import resource
from sd.plan.grid import read_grid
from sd.plan.recipe import RECIPES
from sd.plan.schedule import plan
from sd.render.address import papers_protocol
from sd.render.paper_tables import TITLES, paper_table
from sd.render.table import Entry
from sd.store.database import Database, open_database
from sd.store.record import find_records


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(str(tmp_path / "results.db"), create=True)


def test_the_papers_table_has_its_rows_and_ours_below(synthetic: SyntheticRoot, database: Database) -> None:
    for cell in chain(3, alpha=0.2):
        synthetic.train(cell, top1=93.0)
    database.ingest(find_records(synthetic.root))
    rows = paper_table(3, database, checkpoint="best_test").texts()
    assert len(rows) == 4 * 2 + 1
    printed = ["92.69 ± 0.06", "93.46 ± 0.12 ↑", "93.48 ± 0.04 ↑", "93.60 ± 0.18 ↑", "93.51 ± 0.10"]
    assert [text.partition(" [")[0] for text in rows[6][4:]] == ["paper", *printed]
    assert rows[7][4:] == ["ours: appendix_a", "93.00 (n=1)", *["93.00 → (n=1)"] * 3, "—"]
    assert rows[8][4:] == ["difference", "+0.31", "−0.46", "−0.48", "−0.60", ""]
    assert rows[1][4:] == ["ours: appendix_a", *["—"] * 5]


def test_both_checkpoints_stand_below_each_other(synthetic: SyntheticRoot, database: Database) -> None:
    for cell in chain(1, alpha=0.2):
        synthetic.train(cell, top1=93.0)
    database.ingest(find_records(synthetic.root))
    table = paper_table(3, database, checkpoint="both")
    assert [row[4:6] for row in table.texts()[7:]] == [
        ["ours: appendix_a, best_test", "93.00 (n=1)"],
        ["difference", "+0.31"],
        ["ours: appendix_a, last", "92.00 (n=1)"],
        ["difference", "−0.69"],
    ]
    assert "best_test and last" in table.caption and "--checkpoint" not in " ".join(table.notes)


def test_another_protocol_than_the_papers_is_another_experiment(synthetic: SyntheticRoot, database: Database) -> None:
    for cell in chain(1, alpha=0.2, epochs=3):
        synthetic.train(cell)
    database.ingest(find_records(synthetic.root))
    table = paper_table(3, database, checkpoint="last")
    assert [row[4] for row in table.texts()[6:]] == [
        "paper",
        "ours: appendix_a",
        "ours: appendix_a (epochs 3)",
        "difference",
    ]
    assert (
        "Another experiment than the paper's, whose differences are no test of it: appendix_a (epochs 3)."
        in table.notes
    )


def test_curvature_stands_beside_table_4_with_its_uncertainty(synthetic: SyntheticRoot, database: Database) -> None:
    place = {"arch": "resnet18", "dataset": "svhn", "aug": "none", "recipe_name": "svhn", "recipe": RECIPES["svhn"]}
    for seed, gain in ((0, 0.0), (1, 0.2)):
        for cell in chain(1, seed=seed, **place):
            synthetic.train(cell, top1=95 + gain + cell.round)
            synthetic.measure(cell, trace=200.0 + 10 * seed, converged=seed == 0)
    database.ingest(find_records(synthetic.root))
    table = paper_table(4, database, checkpoint="best_test")
    assert table.headers == ["Model", "Source", "Test accuracy", "Trace", "s.e.", "λmax"]
    texts = [[text.partition(" [")[0] for text in row] for row in table.texts()]
    assert texts[:6] == [
        ["Teacher", "paper", "95.23", "197.53", "", "9.24"],
        ["", "ours: svhn", "95.10 ± 0.14 (n=2)", "205.00† ± 7.07 (n=2)", "1.00", "10.00† ± 0.00 (n=2)"],
        ["", "difference", "−0.13", "+7.47", "", "+0.76"],
        ["Round 1 (α=0.5)", "paper", "95.94", "205.79", "", "11.20"],
        ["", "ours: svhn", "96.10 ± 0.14 ↑ (n=2)", "205.00† ± 7.07 (n=2)", "1.00", "10.00† ± 0.00 (n=2)"],
        ["", "difference", "+0.16", "−0.79", "", "−1.20"],
    ]
    assert "10 fixed train images" in table.caption and table.notes[0].startswith("† not converged")
    whys = [item.why for item in table.rows[4] if isinstance(item, Entry)]
    assert whys[1] == "table4:ResNet18:SVHN:none:0.5:R1:trace"


def test_table_5_has_the_papers_five_models(database: Database) -> None:
    texts = paper_table(5, database, checkpoint="last").texts()
    assert [row[0] for row in texts if row[1] == "paper"] == [
        "Teacher",
        *(f"Round {n} (α=0.2)" for n in (1, 2, 3)),
        "SAM",
    ]
    assert [text.partition(" [")[0] for text in texts[-2]] == ["SAM", "paper", "63.26", "310.87", "", "8.04"]


@pytest.mark.parametrize("number", TITLES)
def test_a_missing_number_comes_with_the_grid_that_makes_it(number: int, database: Database) -> None:
    """The grid that the note names has the cells of every row of the table, by the paper's own protocol."""
    table = paper_table(number, database, checkpoint="best_test")
    assert table.notes[-1].startswith("— is not measured yet; fill it with: ") or table.notes[-1].startswith("[")
    assert f"— is not measured yet; fill it with: python -m sd.launch jobs/table{number}.yaml" in table.notes
    cells = plan([read_grid(resource("jobs", f"table{number}.yaml"))]).cells
    made = {
        (c.arch, c.dataset, c.aug, c.alpha, c.stage) for c in cells if c.protocol == papers_protocol(c.arch, c.dataset)
    }
    for row in database.rows(
        "SELECT * FROM published WHERE source = :source AND aug IS NOT NULL", source=f"Table {number}"
    ):
        alpha = None if row["model"] in {"T", "SAM"} else row["alpha"] or 0.5
        assert (row["arch"], row["dataset_name"], row["aug"], alpha, row["model"]) in made


def test_literature_is_not_ours(database: Database) -> None:
    rows = paper_table(1, database, checkpoint="best_test").texts()
    assert len(rows) == 5 + 2 * 10
    assert [text.partition(" [")[0] for text in rows[0][3:]] == ["Mobahi et al. (2020)", "80.50", "81.30"]
    assert [row[3] for row in rows[5:7]] == ["paper", "ours: appendix_a"]


def test_a_difference_of_nothing_has_no_sign() -> None:
    assert [Entry(value, signed=True).text for value in (0.0, -0.001, 0.12, -0.12)] == [
        "0.00",
        "0.00",
        "+0.12",
        "−0.12",
    ]
    assert replace(Entry(94.38, 0.07, arrow="↓"), footnotes=("A3", "A5")).text == "94.38 ± 0.07 ↓ [A3] [A5]"


def test_every_number_of_ours_has_its_address_and_no_other_has(synthetic: SyntheticRoot, database: Database) -> None:
    for cell in [*chain(1, alpha=0.2), *chain(1, alpha=0.2, epochs=3)]:
        synthetic.train(cell)
    database.ingest(find_records(synthetic.root))
    table = paper_table(3, database, checkpoint="last")
    found = [item.why for row in table.rows for item in row if isinstance(item, Entry)]
    place = "table3:ResNet20:CIFAR-10:std:0.2"
    assert [why for why in found if why] == [
        f"{place}:{model}{protocol}{difference}@last"
        for protocol in ("", ":appendix_a (epochs 3)")
        for difference in ("", ":difference")
        for model in ("T", "R1")
    ]
