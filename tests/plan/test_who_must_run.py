"""Descendants and needed cells, for random studies and random states, against definitions that are slow and obvious."""

import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sd.plan.cell import Cell
from sd.plan.grid import read_grid
from sd.plan.schedule import Plan, plan


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    block = {"dataset": "digits", "recipe": "digits", "arch": "resnet8", "seeds": [0, 1], "rounds": 3}
    blocks = [{**block, "alpha": [0.2, 0.5], "sam": True}, {**block, "alpha": 0.8, "teacher_checkpoint": "last"}]
    path = tmp_path_factory.mktemp("study") / "g.yaml"
    path.write_text(yaml.safe_dump({"name": "g", "cells": blocks}))
    return plan([read_grid(path)])


def test_descendants_are_the_cells_in_whose_lineage_a_cell_stands(study: Plan) -> None:
    for cell in study.cells:
        expected = {other.key for other in study.cells if cell in other.lineage and other != cell}
        assert study.descendants(cell.key) == expected
        assert set(study.children_of(cell.key)) == {o.key for o in study.cells if cell in o.parents}
    assert study.descendants("0" * 16) == set()


def must_run(cell: Cell, untrained: set[str]) -> set[str]:
    """The cell and, where it must be trained itself, all that must run for its teacher to be there."""
    if cell.teacher is None or cell.key not in untrained or cell.teacher.key not in untrained:
        return {cell.key}
    return {cell.key} | must_run(cell.teacher, untrained)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_needed_is_what_is_missing_and_the_teachers_without_which_it_cannot_be(
    study: Plan, data: st.DataObject
) -> None:
    keys = list(study.steps)
    missing = set(data.draw(st.lists(st.sampled_from(keys), unique=True)))
    untrained = set(data.draw(st.lists(st.sampled_from(keys), unique=True)))
    expected = set().union(*(must_run(study.steps[key].cell, untrained) for key in missing))
    needed = study.needed(missing=missing, untrained=untrained)
    assert needed == expected
    assert missing <= needed <= missing | untrained
    for key in needed & untrained:  # whoever is trained has a teacher that is there or is trained, too
        teacher = study.steps[key].cell.teacher
        assert teacher is None or teacher.key not in untrained or teacher.key in needed


def test_with_nothing_there_everything_is_needed_and_with_everything_there_nothing(study: Plan) -> None:
    keys = set(study.steps)
    assert study.needed(missing=keys, untrained=keys) == keys
    assert study.needed(missing=set(), untrained=set()) == set()
    assert study.needed(missing=set(), untrained=keys) == set(), "checkpoints that nobody needs are not made again"


def test_planning_imports_no_torch() -> None:
    """A plan must be there in well under a second, on a login node that has no torch."""
    program = (
        "import sys, importlib, pkgutil, sd.plan\n"
        "for module in pkgutil.iter_modules(sd.plan.__path__): importlib.import_module(f'sd.plan.{module.name}')\n"
        "print(sorted({'torch', 'torchvision', 'numpy', 'pandas', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
