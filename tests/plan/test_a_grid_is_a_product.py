"""A grid's cells are the product of its lists: the same as nested loops give, each chain whole, whatever the size."""

from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sd.plan.catalogue import ARCHITECTURES, AUGMENTATIONS
from sd.plan.cell import Cell
from sd.plan.grid import read_grid
from sd.plan.schedule import plan

Description = tuple[object, ...]


def read(folder: Path, content: dict[str, object]) -> list[Cell]:
    path = folder / "grid.yaml"
    path.write_text(yaml.safe_dump({"name": "g", **content}))
    return plan([read_grid(path)]).cells


def describe(cell: Cell) -> Description:
    own = (cell.arch, cell.aug, cell.seed, cell.recipe.epochs, cell.optimizer, cell.round)
    return (*own, cell.alpha, cell.tau, describe(cell.teacher) if cell.teacher else None)


def nested_loops(block: dict[str, list[object]], rounds: int, sam: bool) -> set[Description]:
    """What a person would write without knowing of cells."""
    wanted: set[Description] = set()
    for arch, aug, seed, epochs in product(block["arch"], block["aug"], block["seeds"], block["epochs"]):
        chain = (arch, aug, seed, epochs)
        first: Description = (*chain, "sgd", 0, None, None, None)
        wanted.add(first)
        if sam:
            wanted.add((*chain, "sam", 0, None, None, None))
        for alpha, tau in product(block["alpha"], block["tau"]):
            teacher = first
            for number in range(1, rounds + 1):
                teacher = (*chain, "sgd", number, alpha, tau, teacher)
                wanted.add(teacher)
    return wanted


def some(values: list[object]) -> st.SearchStrategy[list[object]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


BLOCKS = st.fixed_dictionaries(
    {
        "arch": some(list(ARCHITECTURES)),
        "aug": some(list(AUGMENTATIONS)),
        "seeds": some([0, 1, 7]),
        "epochs": some([10, 20, 30]),
        "alpha": some([0.0, 0.2, 0.5, 1.0]),
        "tau": some([1.0, 4.0]),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=st.lists(st.tuples(BLOCKS, st.integers(1, 4), st.booleans()), min_size=1, max_size=3))
def test_the_cells_are_those_of_nested_loops(
    blocks: list[tuple[dict[str, list[object]], int, bool]], tmp_path: Path
) -> None:
    """Blocks overlap at random, so that what they share must be there once."""
    entries = [{**block, "rounds": rounds, "sam": sam} for block, rounds, sam in blocks]
    cells = read(tmp_path, {"defaults": {"dataset": "cifar10", "recipe": "appendix_a"}, "cells": entries})
    found = [describe(cell) for cell in cells]
    assert len(found) == len(set(found)) == len({cell.key for cell in cells})
    assert set(found) == set().union(*(nested_loops(*block) for block in blocks))


def test_a_block_wins_over_the_defaults(tmp_path: Path) -> None:
    defaults = {"dataset": "digits", "arch": "resnet8", "recipe": "digits", "seeds": [0, 1, 2], "epochs": [3, 4]}
    cells = read(tmp_path, {"defaults": defaults, "cells": [{"seeds": 5, "epochs": 9}, {"arch": "resnet20"}]})
    found = {(cell.arch, cell.seed, cell.recipe.epochs) for cell in cells}
    assert found == {("resnet8", 5, 9)} | {("resnet20", seed, epochs) for seed in (0, 1, 2) for epochs in (3, 4)}


def test_a_list_of_milestones_is_one_schedule_and_a_list_of_lists_is_several(tmp_path: Path) -> None:
    base = {"dataset": "digits", "arch": "resnet8", "recipe": "digits", "seeds": 0, "schedule": "step", "gamma": 0.1}
    one = read(tmp_path, {"cells": [{**base, "milestones": [10, 20]}]})
    two = read(tmp_path, {"cells": [{**base, "milestones": [[10, 20], [15]]}]})
    assert [cell.recipe.milestones for cell in one] == [(10, 20)]
    assert [cell.recipe.milestones for cell in two] == [(10, 20), (15,)]


def test_ten_thousand_cells_are_planned_each_once(tmp_path: Path) -> None:
    """5 archs × 2 sets × 2 augs × 50 seeds × (T + SAM + 8 students of 4 alpha and 2 rounds) = 10,000."""
    block = {
        "arch": list(ARCHITECTURES)[:5],
        "dataset": ["cifar10", "cifar100"],
        "aug": ["std", "none"],
        "recipe": "appendix_a",
        "seeds": list(range(50)),
        "alpha": [0.2, 0.4, 0.6, 0.8],
        "rounds": 2,
        "sam": True,
    }
    cells = read(tmp_path, {"cells": [block]})
    assert len(cells) == len({cell.key for cell in cells}) == 10_000
    seen: set[str] = set()
    for cell in cells:
        assert cell.teacher is None or cell.teacher.key in seen
        seen.add(cell.key)


def test_the_same_grid_twice_is_planned_as_once_and_the_order_of_files_changes_no_key(tmp_path: Path) -> None:
    shared = {"dataset": "cifar10", "recipe": "appendix_a", "seeds": [0, 1], "arch": "resnet20", "rounds": 2}
    grids = []
    for name, alpha in (("a", 0.2), ("b", 0.5)):
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"name": name, "cells": [{**shared, "alpha": alpha}]}))
        grids.append(read_grid(path))
    a, b = grids
    assert set(plan([a, a]).steps) == set(plan([a]).steps)
    assert set(plan([a, b]).steps) == set(plan([b, a]).steps)
    assert len(plan([a, b]).steps) == len(plan([a]).steps) + len(plan([b]).steps) - 2, "T is shared by all alpha"
    assert plan([a, b]).name == "a + b"


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_labels_and_columns_are_what_a_table_prints(rounds: int, tmp_path: Path) -> None:
    block = {
        "dataset": "digits",
        "arch": "resnet8",
        "recipe": "digits",
        "seeds": 4,
        "label_noise": 0.3,
        "rounds": rounds,
    }
    cells = read(tmp_path, {"cells": [block | ({"alpha": 0.5} if rounds else {}) | {"sam": True, "epochs": 7}]})
    assert {cell.column for cell in cells} == {"T", "SAM", *(f"R{number}" for number in range(1, rounds + 1))}
    assert cells[0].label == "resnet8 digits std noise=0.3 T seed=4 digits (epochs 7)"
    assert len({cell.label for cell in cells}) == len(cells)
