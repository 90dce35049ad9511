"""Every number of ours in every table has an address, and the address leads to runs that make exactly that number."""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd import resource
from sd.plan.cell import Cell
from sd.plan.grid import read_grid
from sd.plan.schedule import Plan, Step, plan
from sd.render.grid_tables import grid_tables
from sd.render.paper_tables import TITLES, paper_table
from sd.render.provenance.answer import Answer
from sd.render.provenance.asked import Sources, why, why_each
from sd.render.table import Entry, Table
from sd.store.database import Database, open_database
from sd.store.record import find_records

CHECKPOINTS = ("best_test", "last")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path = tmp_path_factory.mktemp("shipped") / "results.db"
    shutil.copy(Path(__file__).resolve().parents[3] / "results.db", path)
    return open_database(str(path))


def grid(name: str) -> tuple[Plan, Sequence[Path]] | None:
    path = resource("jobs", f"{name}.yaml")
    return (plan([read_grid(path)]), [Path(f"jobs/{name}.yaml")]) if path.exists() else None


def entries(tables: Sequence[Table]) -> list[Entry]:
    return [item for table in tables for row in table.rows for item in row if isinstance(item, Entry) and item.why]


def assert_resolves(entry: Entry, answer: Answer) -> None:
    assert answer.value is not None and entry.mean is not None
    assert answer.value == pytest.approx(entry.mean, rel=1e-8, abs=1e-8)
    if entry.signed:
        assert answer.text == entry.text
        return
    assert answer.std == (entry.std if entry.std is None else pytest.approx(entry.std, rel=1e-9, abs=1e-12)) or (
        answer.metric is not None and not answer.metric.spread
    )
    assert entry.n in (None, answer.n)
    printed = replace(entry, arrow="", n=None, mark="")
    assert answer.text == printed.text


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_of_the_papers_tables_as_shipped(shipped: Database, checkpoint: str, tmp_path: Path) -> None:
    found = entries([paper_table(number, shipped, checkpoint=checkpoint) for number in TITLES])
    assert found
    answers = why_each([entry.why for entry in found], Sources(shipped, tmp_path, grid))
    for entry in found:
        assert_resolves(entry, answers[entry.why])


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("name", ["digits", "cifar10_small", "digits_full"])
def test_of_the_grids_tables_as_shipped(shipped: Database, name: str, checkpoint: str, tmp_path: Path) -> None:
    found_plan = grid(name)
    assert found_plan
    found = entries(grid_tables(found_plan[0], shipped, checkpoint=checkpoint, fill=""))
    assert len(found) >= 10
    answers = why_each([entry.why for entry in found], Sources(shipped, tmp_path, grid))
    for entry in found:
        assert_resolves(entry, answers[entry.why])


@pytest.mark.parametrize("name", ["digits", "digits_full"])
def test_every_measured_number_of_a_grid_has_an_address(shipped: Database, name: str) -> None:
    found_plan = grid(name)
    assert found_plan
    tables = grid_tables(found_plan[0], shipped, checkpoint="best_test", fill="")
    measured = [e for t in tables for row in t.rows for e in row if isinstance(e, Entry) and e.mean is not None]
    assert len(measured) == len(entries(tables)) > 50


def test_the_queries_of_an_answer_yield_the_number(shipped: Database, tmp_path: Path) -> None:
    """As anyone would put them, with the sqlite3 of Python."""
    sources = Sources(shipped, tmp_path, grid)
    addresses = (
        "table3:ResNet20:CIFAR-10:std:0.2:R1:appendix_a (epochs 3)",
        "table3:ResNet20:CIFAR-10:std:0.2:T:appendix_a (epochs 3)@last",
        "digits:ResNet8:Digits:noise=0.3:R2:lambda_max",
        "digits:ResNet8:Digits:noise=0.3:R2:ece",
        "digits_full:ResNet8:Digits:0.5:R1:corrupted",
        "digits_full:ResNet8:Digits:0.5:R1:gap_to_teacher",
        "digits_full:ResNet8:Digits:0.5:R1:mse",
    )
    with sqlite3.connect(shipped.shown) as connection:
        for address in addresses:
            answer = why(address, sources)
            found = {query.words: connection.execute(query.sql).fetchall() for query in answer.queries}
            values = [run.value for run in answer.runs]
            assert [row[-1] for row in found["the runs"]] == pytest.approx(values, rel=1e-9)
            ((mean, n),) = found["their mean"]
            assert (mean, n) == (pytest.approx(answer.mean, rel=1e-9), answer.n)
            if "corrupted" in address:
                terms = found["each shift of each run"]
                assert {row[0] for row in terms} == {run.key for run in answer.runs}
                assert len(terms) > 15 * len(answer.runs)
            if address.startswith("table"):
                ((mean, std, n),) = found["the number as the table's view has it"]
                assert (mean, std, n) == (pytest.approx(answer.mean), pytest.approx(answer.std), answer.n)


Study = Callable[[SyntheticRoot], list[Cell]]


def paper_cells(synthetic: SyntheticRoot) -> list[Cell]:
    """Chains and SAM of Table 3 under two protocols, of two seeds and three."""
    cells = []
    for seed, epochs in ((0, 600), (1, 600), (0, 3), (1, 3), (2, 3)):
        own = chain(3, alpha=0.2, seed=seed, epochs=epochs)
        cells += [*own, replace(own[0], optimizer="sam")]
    return cells


def test_of_made_up_cells_under_two_protocols(synthetic: SyntheticRoot, tmp_path: Path) -> None:
    for place, cell in enumerate(paper_cells(synthetic)):
        synthetic.train(cell, top1=90 + 0.37 * place, last=88 + 0.53 * place)
    database = open_database(str(tmp_path / "results.db"), create=True)
    database.ingest(find_records(synthetic.root))
    for checkpoint in CHECKPOINTS:
        found = entries([paper_table(3, database, checkpoint=checkpoint)])
        assert len({entry.why for entry in found}) == len(found) == 20
        answers = why_each([entry.why for entry in found], Sources(database, synthetic.root, grid))
        for entry in found:
            assert_resolves(entry, answers[entry.why])


@pytest.mark.parametrize("ways", [1, 2])
def test_of_table_4_measured_in_one_way_and_in_two(synthetic: SyntheticRoot, tmp_path: Path, ways: int) -> None:
    changes = {"arch": "resnet18", "dataset": "svhn", "aug": "none", "recipe_name": "svhn"}
    for seed in (0, 1, 2):
        for cell in chain(3, seed=seed, **changes):
            synthetic.train(cell, top1=95 + cell.round / 7 + seed / 3)
            for way in range(ways):
                synthetic.curvature = synthetic.curvature.model_copy(update={"probes": 2 + way})
                synthetic.measure(cell, trace=200 + cell.round + 3 * seed + 50 * way, lambda_max=9 + seed / 7 + way)
    database = open_database(str(tmp_path / "results.db"), create=True)
    database.ingest(find_records(synthetic.root))
    table = paper_table(4, database, checkpoint="both")
    found = entries([table])
    assert len(found) >= 4 * 2 * (4 + 3) * ways
    measured = [e for row in table.rows for e in row if isinstance(e, Entry) and e.n is not None]
    assert all(entry.why for entry in measured)
    answers = why_each([entry.why for entry in found], Sources(database, synthetic.root, grid))
    for entry in found:
        assert_resolves(entry, answers[entry.why])


def test_of_a_grid_whose_rows_differ_in_everything(synthetic: SyntheticRoot, tmp_path: Path) -> None:
    cells = []
    for seed in (0, 1):
        for changes in ({}, {"label_noise": 0.3}, {"epochs": 9}, {"tau": 1.0}, {"aug": "aa_cutout"}, {"alpha": 0.8}):
            own = chain(2, seed=seed, **changes)  # type: ignore[arg-type]  # each of its own type
            cells += [*own, replace(own[1], method="permuted"), replace(own[1], teacher_checkpoint="last")]
            cells += [replace(own[1], teacher=replace(own[0], optimizer="sam")), replace(own[0], optimizer="sam")]
    cells = sorted({cell.key: cell for cell in cells}.values(), key=lambda cell: cell.depth)
    for place, cell in enumerate(cells):
        synthetic.train(cell, top1=80 + 0.13 * place)
        synthetic.measure(cell, trace=100 + 1.7 * place, lambda_max=10 + 0.3 * place)
    database = open_database(str(tmp_path / "results.db"), create=True)
    database.ingest(find_records(synthetic.root))
    study = Plan("mine", {cell.key: Step(cell, (synthetic.curvature,)) for cell in cells})
    found = entries(grid_tables(study, database, checkpoint="best_test", fill=""))
    assert len(found) > 200
    answers = why_each(
        [e.why for e in found], Sources(database, synthetic.root, lambda name: (study, [Path("m.yaml")]))
    )
    for entry in found:
        assert_resolves(entry, answers[entry.why])
