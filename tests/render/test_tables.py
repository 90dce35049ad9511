"""What stands in a table: every number with its uncertainty, every gap as a gap."""

from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd.plan.cell import Cell
from sd.plan.schedule import Plan, Step
from sd.render.grid_tables import grid_tables
from sd.render.table import Entry, Table, arrow
from sd.store.database import Database, open_database
from sd.store.record import find_records


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(str(tmp_path / "results.db"), create=True)


def plan_of(cells: list[Cell], *measures: object) -> Plan:
    return Plan("study", {cell.key: Step(cell, measures) for cell in cells})  # type: ignore[arg-type]  # measures


def tables(cells: list[Cell], database: Database, *measures: object, checkpoint: str = "best_test") -> list[Table]:
    """All but calibration, which ``test_tables_of_answers.py`` is about."""
    found = grid_tables(plan_of(cells, *measures), database, checkpoint=checkpoint, fill="FILL")
    return [table for table in found if "calibration" not in table.title]


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
