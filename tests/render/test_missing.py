"""What is missing is said with its cells, its cost and the command that fills it; what is there is not said to be."""

from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd import BadInput
from sd.plan.artefacts import ARTEFACTS, CLAIMS
from sd.plan.schedule import Plan, Step
from sd.render.claims import judge
from sd.render.missing_of_paper import (
    Look,
    cost_of_artefacts,
    missing_of_artefact,
    missing_of_claims,
    missing_of_everything,
    missing_of_grid,
)
from sd.store.database import open_database


@pytest.fixture
def look(tmp_path: Path, synthetic: SyntheticRoot) -> Look:
    return Look(open_database(str(tmp_path / "results.db"), create=True), synthetic.root, slurm=False)


def test_a_table_says_which_cells_it_lacks_and_the_command_that_trains_them(
    look: Look, synthetic: SyntheticRoot
) -> None:
    for cell in chain(2, alpha=0.2):  # T, R1 and R2 of seed 0: cells of Table 3
        synthetic.train(cell)
    (table,) = missing_of_artefact("Table", "3", look)
    assert table.caption.startswith("3 of 60 cells have their accuracy.")
    assert "100 TFLOP/s of a GPU" in table.caption
    rows = {tuple(row[:4]): row[4] for row in table.texts()}
    assert rows["ResNet20", "CIFAR-10", "No", ""] == "T 1 2; SAM 0 1 2"
    assert rows["ResNet20", "CIFAR-10", "No", "0.2"] == "R1 1 2; R2 1 2; R3 0 1 2"
    assert table.notes == ["fill it with: python -m sd.launch jobs/table3.yaml --partition gpu"]


def test_a_figure_lacks_the_measure_that_it_shows(look: Look, synthetic: SyntheticRoot) -> None:
    for cell in chain(3, alpha=0.2, aug="aa_cutout"):
        synthetic.train(cell)
        synthetic.measure(cell)  # with other settings than the grid's
    (table,) = missing_of_artefact("Figure", "13", look)
    assert table.caption.startswith("4 of 15 cells have their accuracy, 0 of 15 curvature.")
    rows = {row[3]: row[4:] for row in table.texts()}
    assert rows["0.2"] == ["R1 1 2; R2 1 2; R3 1 2", "R1 0 1 2; R2 0 1 2; R3 0 1 2"]


def test_what_is_whole_is_said_to_be_and_costs_nothing(look: Look, synthetic: SyntheticRoot) -> None:
    cells = chain(1)
    for cell in cells:
        synthetic.train(cell)
        synthetic.measure(cell)
    plan = Plan("mine", {cell.key: Step(cell, (synthetic.curvature,)) for cell in cells})
    (table,) = missing_of_grid(plan, [Path("mine.yaml")], look)
    assert table.caption == "2 of 2 cells have their accuracy, 2 of 2 curvature."
    assert not table.rows and table.notes == ["nothing is missing"]


def test_a_measure_of_a_trained_cell_costs_no_training(look: Look, synthetic: SyntheticRoot) -> None:
    (cell,) = chain(0)
    synthetic.train(cell)
    plan = Plan("mine", {cell.key: Step(cell, (synthetic.curvature,))})
    (here,) = missing_of_grid(plan, [Path("mine.yaml")], look)
    for path in (synthetic.root / "cells" / cell.key).glob("*.pt"):
        path.unlink()
    (gone,) = missing_of_grid(plan, [Path("mine.yaml")], look)
    hours = [float(table.caption.split("takes ")[1].split(" h")[0]) for table in (here, gone)]
    assert hours[0] < 0.001 < hours[1]


def test_the_overview_names_every_table_figure_and_grid(look: Look) -> None:
    artefacts, grids = missing_of_everything(look)
    assert [row[0] for row in artefacts.texts()] == [
        *(f"Table {number}" for number in range(1, 6)),
        *(f"Figure {number}" for number in range(1, 17)),
    ]
    assert {"table1", "paper", "digits"} <= {row[0] for row in grids.texts()}
    commands = {row[0]: row[-1] for row in [*artefacts.texts(), *grids.texts()]}
    assert commands["Figure 4"] == "python -m sd.launch jobs/table2.yaml --partition gpu"
    assert commands["digits"] == "python -m sd.launch jobs/digits.yaml --local"
    assert commands["Figure 1"] == ""


def test_every_claim_says_what_it_waits_for(look: Look) -> None:
    (table,) = missing_of_claims(look)
    assert [row[0] for row in table.texts()] == list(CLAIMS)
    assert set(CLAIMS) == {claim.id for claim in judge.CLAIMS}
    (c6,) = [row for row in table.texts() if row[0] == "C6"]
    assert "Figure 4" in c6[1] and "jobs/table2.yaml" in c6[-1]


def test_the_cost_of_each_artefact_is_that_of_its_new_runs(look: Look) -> None:
    table = cost_of_artefacts(look)
    rows = {row[0]: row[2:] for row in table.texts()}
    assert rows["Table 2"] == ["198", "198", "21,714", "60.3 h"]
    assert rows["Figure 4"] == ["66", "0", "", ""]
    assert rows["all"][1] == "411"
    assert len(rows) == len(ARTEFACTS) + 1


def test_the_minimal_tier_is_counted_on_its_own(look: Look) -> None:
    minimal = Look(look.database, look.root, slurm=False, minimal=True)
    assert cost_of_artefacts(minimal).texts()[-1][3] == "319"
    (table,) = missing_of_artefact("Table", "4", minimal)
    assert table.caption.startswith("0 of 4 cells") and table.notes[-1].endswith("--minimal")


def test_a_figure_that_the_paper_does_not_have_is_one_line(look: Look) -> None:
    with pytest.raises(BadInput, match=r"^--figure: the paper has no Figure 17; give 1 to 16, or all$"):
        missing_of_artefact("Figure", "17", look)


def test_all_tables_are_asked_for_at_once(look: Look) -> None:
    tables = missing_of_artefact("Table", "all", look)
    assert [table.title for table in tables] == [f"What is missing: Table {number}" for number in range(1, 6)]
