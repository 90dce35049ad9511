"""jobs/paper.yaml plans the training runs that the paper takes, as they were counted from its text, and no other.

``paper_runs.csv`` is that list: made by hand from the paper, before there was any grid.
"""

import csv
from collections import Counter
from pathlib import Path

import pytest

from sd import resource
from sd.plan.cell import Cell
from sd.plan.grid import read_grid
from sd.plan.schedule import Plan, plan

with (Path(__file__).parent / "paper_runs.csv").open(newline="") as file:
    RUNS = list(csv.DictReader(file))

# The list's names where they are not the project's.
RECIPES = {"appendixA_600": "appendix_a", "vit_ft": "vit_finetune", "li2018_300": "li2018", "clip90": "clip_student"}
AUGS = {"crop_rot": "crop_rotate", "center_crop": "none"}
DATASETS = {"tinyimagenet": "tiny_imagenet"}
OF_DATASET = {"svhn": "svhn", "tiny_imagenet": "tiny_imagenet"}  # recipes of their own names, the same numbers

Identity = tuple[str, ...]


def wanted(run: dict[str, str]) -> Identity:
    """What a line of the list says that a run is."""
    dataset = DATASETS.get(run["dataset"], run["dataset"])
    recipe = OF_DATASET.get(dataset, RECIPES[run["recipe"]])
    if run["ens_teacher_size"]:
        teacher = f"E{run['ens_teacher_size']}"
    elif run["teacher"].startswith("CLIP"):
        teacher = "ZS"
    else:
        teacher = "T" if int(run["round"]) else ""
    distilled = (f"{float(run['alpha']):g}", teacher) if int(run["round"]) else ("", "")
    aug = AUGS.get(run["aug"], run["aug"])
    return (run["arch"], dataset, aug, recipe, run["optimizer"], run["round"], run["seed"], *distilled)


def planned(cell: Cell) -> Identity:
    """The same of a cell."""
    distilled = (f"{cell.alpha:g}", cell.first_teacher or "") if cell.alpha is not None else ("", "")
    own = (cell.arch, cell.dataset, cell.aug, cell.recipe_name, cell.optimizer, str(cell.round), str(cell.seed))
    return (*own, *distilled)


def paper(*, minimal: bool = False, name: str = "paper") -> Plan:
    return plan([read_grid(Path(str(resource("jobs", f"{name}.yaml"))), minimal=minimal)])


def trained(study: Plan) -> list[Cell]:
    return [cell for cell in study.cells if not cell.is_assembled]


@pytest.mark.parametrize(("minimal", "count"), [(False, 411), (True, 319)])
def test_every_run_is_planned_once_and_nothing_else(minimal: bool, count: int) -> None:
    runs = [wanted(run) for run in RUNS if run["tier"] == "M" or not minimal]
    cells = [planned(cell) for cell in trained(paper(minimal=minimal))]
    assert len(runs) == len(cells) == count
    assert Counter(runs) == Counter(cells)


def test_every_student_has_the_teacher_that_the_list_names() -> None:
    names = {run["run_id"]: wanted(run) for run in RUNS}
    taught = {wanted(run): names[run["teacher"]] for run in RUNS if run["teacher"] in names}
    cells = {planned(cell): cell for cell in trained(paper())}
    assert len(taught) == 310 - 24 - 5  # but for students of ensembles and of CLIP
    for student, teacher in taught.items():
        own = cells[student].teacher
        assert own is not None and planned(own) == teacher


# How many runs an item needs, in the minimal tier and in all, as they were counted beside the list.
USED = {
    "Table 1": (60, 60),
    "Table 2": (198, 198),
    "Table 3": (60, 60),
    "Table 4": (4, 12),
    "Table 5": (5, 15),
    "Figure 2": (36, 39),
    "Figure 3": (17, 39),
    "Figure 8": (3, 3),
    "Figure 9": (5, 6),
    "Figure 10": (4, 33),
    "Figure 12": (4, 33),
}


@pytest.mark.parametrize("item", USED)
def test_a_grid_of_its_own_plans_what_its_table_or_figure_needs(item: str) -> None:
    name = item.lower().replace(" ", "")
    minimal, full = (trained(paper(minimal=minimal, name=name)) for minimal in (True, False))
    assert (len(minimal), len(full)) == USED[item]
    assert set(minimal) <= set(full)
    assert {planned(cell) for cell in full} == {wanted(run) for run in RUNS if item in run["needed_by"].split(";")}


def test_an_included_grid_shares_its_cells_through_the_keys() -> None:
    together = set(paper().steps)
    for name in ("table1", "table2", "figure3", "figure12"):
        assert set(paper(name=name).steps) <= together


def test_the_ensembles_of_different_replicates_share_no_member() -> None:
    groups: dict[int, list[set[str]]] = {}
    for cell in paper(name="figure2").cells:
        if cell.origin == "ensemble":
            groups.setdefault(len(cell.members), []).append({member.key for member in cell.members})
    assert {size: len(found) for size, found in groups.items()} == {2: 3, 3: 3, 4: 3}
    for found in groups.values():
        assert len(set.union(*found)) == sum(map(len, found))
