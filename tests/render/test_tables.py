"""What stands in a table: every number with its uncertainty, every gap as a gap."""

from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd.plan.cell import Cell
from sd.plan.schedule import Plan, Step
from sd.render.grid_tables import grid_tables
from sd.render.paper_tables import paper_table
from sd.render.table import Entry, Table, arrow
from sd.store.database import Database, open_database
from sd.store.record import find_records


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(str(tmp_path / "results.db"), create=True)


def plan_of(cells: list[Cell], *measures: object) -> Plan:
    return Plan("study", {cell.key: Step(cell, measures) for cell in cells})  # type: ignore[arg-type]  # measures


def tables(cells: list[Cell], database: Database, *measures: object, checkpoint: str = "best_test") -> list[Table]:
    return grid_tables(plan_of(cells, *measures), database, checkpoint=checkpoint, fill="FILL")


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (Entry(95.567, 0.149, 3, 3, "↑"), "95.57 ± 0.15 ↑"),
        (Entry(95.567, 0.149, 2, 3), "95.57 ± 0.15 (n=2)"),
        (Entry(95.567, None, 1, 3), "95.57 (n=1)"),
        (Entry(95.567, None, 1, 1), "95.57"),
        (Entry(98.4, 0.0), "98.40 ± 0.00"),
        (Entry(10.0, 1.0, 3, 3, mark="†"), "10.00† ± 1.00"),
        (Entry(None), "—"),
    ],
)
def test_a_number_shows_its_spread_and_n_where_it_is_not_what_was_planned(entry: Entry, text: str) -> None:
    assert entry.text == text


@pytest.mark.parametrize(("before", "now", "sign"), [(95.0, 95.1, "↑"), (95.1, 95.0, "↓"), (95.001, 95.004, "→")])
def test_an_arrow_is_what_a_reader_sees(before: float, now: float, sign: str) -> None:
    """Two means that print alike get →, as in the paper."""
    assert arrow(Entry(before), Entry(now)) == sign


def test_there_is_no_arrow_against_nothing() -> None:
    assert arrow(Entry(None), Entry(1.0)) == arrow(None, Entry(1.0)) == arrow(Entry(1.0), Entry(None)) == ""


def test_a_grid_has_the_shape_of_table_2(synthetic: SyntheticRoot, database: Database) -> None:
    from dataclasses import replace

    cells: list[Cell] = []
    for seed, gain in ((0, 0.0), (1, 0.2)):
        for alpha in (0.2, 0.5):
            for cell in chain(2, alpha=alpha, seed=seed):
                synthetic.train(cell, top1=90 + [0, 1, 0.5][cell.round] + gain)
                cells.append(cell)
        cells.append(replace(cells[-3], optimizer="sam"))
        synthetic.train(cells[-1], top1=94 + gain)
    database.ingest(find_records(synthetic.root))
    (table,) = tables(cells, database)
    assert table.headers == ["Architecture", "Dataset", "Aug", "α", "Teacher", "Round 1", "Round 2", "SAM"]
    numbers = ["90.10 ± 0.14", "91.10 ± 0.14 ↑", "90.60 ± 0.14 ↓", "94.10 ± 0.14"]
    assert table.texts() == [["ResNet20", "CIFAR-10", "No", alpha, *numbers] for alpha in ("0.2", "0.5")]
    assert "2 seeds" in table.caption and "best_test" in table.caption
    (last,) = tables(cells, database, checkpoint="last")
    assert last.texts()[0][4] == "89.10 ± 0.14" and "checkpoint last" in last.caption


def test_only_the_cells_of_the_grid_are_averaged(synthetic: SyntheticRoot, database: Database) -> None:
    for seed in range(3):
        synthetic.train(chain(0, seed=seed)[0], top1=90.0 + seed)
    database.ingest(find_records(synthetic.root))
    (table,) = tables([chain(0, seed=seed)[0] for seed in (0, 1)], database)
    assert table.texts()[0][-1] == "90.50 ± 0.71"


def test_what_is_missing_is_shown_with_the_command_that_fills_it(synthetic: SyntheticRoot, database: Database) -> None:
    cells = [*chain(1, seed=0), *chain(1, seed=1)]
    synthetic.train(cells[0])
    database.ingest(find_records(synthetic.root))
    (table,) = tables(cells, database)
    assert table.texts()[0][-2:] == ["90.00 (n=1)", "—"]
    assert table.notes[-1] == "— is not measured yet; fill it with: FILL"


def test_columns_that_tell_rows_apart_appear_where_they_are_needed(
    synthetic: SyntheticRoot, database: Database
) -> None:
    cells = [*chain(1), *chain(1, label_noise=0.3), *chain(1, epochs=9), *chain(1, tau=1.0)]
    (table,) = tables(cells, database)
    assert table.headers[3:7] == ["Label noise", "Recipe", "τ", "α"]
    assert [row[3:7] for row in table.texts()] == [
        ["0%", "appendix_a", "4", "0.5"],
        ["0%", "appendix_a", "1", "0.5"],
        ["30%", "appendix_a", "4", "0.5"],
        ["0%", "appendix_a (epochs 9)", "4", "0.5"],
    ]


def test_curvature_has_the_shape_of_table_4(synthetic: SyntheticRoot, database: Database) -> None:
    cells = [*chain(1, seed=0), *chain(1, seed=1)]
    for cell in cells:
        synthetic.train(cell)
        synthetic.measure(cell, trace=100.0 + 10 * cell.seed - 50 * cell.round, converged=cell.round == 0)
    database.ingest(find_records(synthetic.root))
    found = tables(cells, database, synthetic.curvature)
    assert [table.title for table in found[1:]] == [f"study: curvature on the {s} split" for s in ("train", "test")]
    columns = ["Model", "Accuracy", "Trace", "s.e.", "λmax", "Relative trace", "Sharpness"]
    assert found[1].headers == ["Architecture", "Dataset", "Aug", *columns]
    assert [row[3:] for row in found[1].texts()] == [
        ["Teacher", "90.00 ± 0.00", "105.00 ± 7.07", "1.00", "10.00 ± 0.00", "10.50 ± 0.71", "0.0250 ± 0.0000"],
        ["Round 1 (α=0.5)", "90.00 ± 0.00", "55.00† ± 7.07", "1.00", "10.00† ± 0.00", "5.50 ± 0.71", "0.0250 ± 0.0000"],
    ]
    assert "10 fixed train images" in found[1].caption and "length 0.05" in found[1].caption
    assert found[1].notes[0].startswith("† not converged")


def test_the_papers_table_has_its_rows_and_ours_below(synthetic: SyntheticRoot, database: Database) -> None:
    for cell in chain(3, alpha=0.2):
        synthetic.train(cell, top1=92.0)
    database.ingest(find_records(synthetic.root))
    rows = paper_table(3, database, checkpoint="best_test").texts()
    assert len(rows) == 8
    assert rows[6][4:] == [
        "paper",
        "92.69 ± 0.06",
        "93.46 ± 0.12 ↑",
        "93.48 ± 0.04 ↑",
        "93.60 ± 0.18 ↑",
        "93.51 ± 0.10",
    ]
    assert rows[7][4:] == ["ours: appendix_a", "92.00 (n=1)", *["92.00 → (n=1)"] * 3, "—"]
    assert rows[1][4:] == ["ours", *["—"] * 5]


def test_a_missing_row_of_the_paper_comes_with_the_grid_that_fills_it(database: Database) -> None:
    notes = paper_table(2, database, checkpoint="best_test").notes
    line = (
        "- {arch: vgg16, dataset: cifar10, aug: std, recipe: appendix_a, alpha: [0.2, 0.5, 0.8], rounds: 3, sam: true, "
        "seeds: [0, 1, 2]}"
    )
    assert line in notes
    assert line.replace("vgg16", "vit_b32").replace("std", "aa_cutout").replace("appendix_a", "vit_finetune") in notes


def test_the_grid_lines_of_the_notes_can_be_planned(database: Database, tmp_path: Path) -> None:
    from sd.plan.grid import read_grid

    for number in (1, 2, 3):
        lines = [note for note in paper_table(number, database, checkpoint="last").notes if note.startswith("- {")]
        grid = tmp_path / "grid.yaml"
        grid.write_text("name: fill\ncells:\n" + "".join(f"  {line}\n" for line in lines))
        assert read_grid(grid).cells


def test_literature_is_not_ours(database: Database) -> None:
    rows = paper_table(1, database, checkpoint="best_test").texts()
    assert len(rows) == 5 + 2 * 10
    assert rows[0][3:] == ["Mobahi et al. (2020)", "80.50", "81.30"]
    assert [row[3] for row in rows[5:7]] == ["paper", "ours"]


def test_every_number_of_ours_has_its_address_and_no_other_has(synthetic: SyntheticRoot, database: Database) -> None:
    for cell in [*chain(1, alpha=0.2), *chain(1, alpha=0.2, epochs=3)]:
        synthetic.train(cell)
    database.ingest(find_records(synthetic.root))
    table = paper_table(3, database, checkpoint="last")
    found = [item.why for row in table.rows for item in row if isinstance(item, Entry)]
    place = "table3:ResNet20:CIFAR-10:std:0.2"
    assert [why for why in found if why] == [
        *(f"{place}:{model}@last" for model in ("T", "R1")),
        *(f"{place}:{model}:appendix_a (epochs 3)@last" for model in ("T", "R1")),
    ]
