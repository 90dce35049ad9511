"""A plan becomes arrays in which every student stands at its teacher's index."""

from pathlib import Path

import pytest

from sd.plan.arrays import After, Array, Task, make_arrays, spans
from sd.plan.cell import Cell
from sd.plan.grid import read_grid
from sd.plan.recipe import RECIPES
from sd.plan.resources import DEFAULTS, Resources
from sd.plan.schedule import Plan, Step, plan

GRID = """\
name: g
defaults: {dataset: cifar10, recipe: appendix_a, seeds: [0, 1, 2], rounds: 2, sam: true}
cells:
  - {arch: resnet20, alpha: [0.2, 0.5]}
  - {arch: resnet18, alpha: 0.5}
"""


@pytest.fixture
def study(tmp_path: Path) -> Plan:
    (tmp_path / "g.yaml").write_text(GRID)
    return plan([read_grid(tmp_path / "g.yaml")])


def arrays_of(
    study: Plan,
    wanted: set[str] | None = None,
    *,
    largest: int = 1000,
    queued: dict[str, Task] | None = None,
    pack: int = 1,
    resources: dict[str, Resources] | None = None,
) -> list[Array]:
    keys = set(study.steps) if wanted is None else wanted
    asked = resources or dict.fromkeys(keys, DEFAULTS.model_copy(update={"pack": pack}))
    return make_arrays(study, keys, resources=asked, queued=queued or {}, largest=largest)


def check(study: Plan, arrays: list[Array], *, largest: int = 1000) -> None:
    """Each cell once; every student beside its teacher, in an array that waits for the teacher's."""
    place = {key: (array, index) for array in arrays for index, keys in array.tasks.items() for key in keys}
    assert len(place) == sum(len(array.keys) for array in arrays)
    for key, (array, index) in place.items():
        assert 0 <= index < largest
        teacher = study.steps[key].cell.teacher
        if teacher and teacher.key in place:
            home, at = place[teacher.key]
            assert array.after == After("aftercorr", (home.name,)) and at == index
            assert arrays.index(home) < arrays.index(array)
        else:
            assert array.after is None


def test_levels_become_arrays(study: Plan) -> None:
    arrays = arrays_of(study)
    assert [array.name for array in arrays] == ["01-T+SAM", "02-R1-a0.2", "03-R1-a0.5", "04-R2-a0.2", "05-R2-a0.5"]
    check(study, arrays)
    assert [array.indices for array in arrays] == ["0-11", "0-2", "0-5", "0-2", "0-5"]


def test_teachers_start_before_sam(study: Plan) -> None:
    first = arrays_of(study)[0]
    columns = [study.steps[key].cell.column for key in first.keys]
    assert columns == ["T"] * 6 + ["SAM"] * 6


@pytest.mark.parametrize("largest", [1, 2, 4, 5, 12])
@pytest.mark.parametrize("pack", [1, 2, 5])
def test_chunks_and_packs_stay_aligned(study: Plan, largest: int, pack: int) -> None:
    arrays = arrays_of(study, largest=largest, pack=pack)
    check(study, arrays, largest=largest)
    assert sum(len(array.keys) for array in arrays) == len(study.steps)
    assert all(len(keys) <= pack for array in arrays for keys in array.tasks.values())


def test_a_teacher_that_is_done_is_not_waited_for(study: Plan) -> None:
    wanted = {key for key, step in study.steps.items() if step.cell.round}
    arrays = arrays_of(study, wanted)
    check(study, arrays)
    assert [array.after is None for array in arrays] == [True, True, False, False]


def test_a_teacher_in_the_queue_is_waited_for_at_its_index(study: Plan) -> None:
    teachers = {key: step.cell for key, step in study.steps.items() if step.cell.column == "T"}
    queued = {key: Task("4711", 7 + 3 * number) for number, key in enumerate(teachers)}
    wanted = {key for key, step in study.steps.items() if step.cell.column == "R1" and step.cell.alpha == 0.5}
    (array,) = arrays_of(study, wanted, queued=queued)
    assert array.after == After("aftercorr", ("4711",)) and array.after.spelled({}) == "aftercorr:4711"
    for index, (key,) in array.tasks.items():
        teacher = study.steps[key].cell.teacher
        assert teacher and queued[teacher.key].index == index
    assert array.indices == "7,10,13,16,19,22"


def test_other_resources_are_another_array(study: Plan) -> None:
    big = DEFAULTS.model_copy(update={"memory_gb": 64.0})
    asked = {key: big if step.cell.arch == "resnet18" else DEFAULTS for key, step in study.steps.items()}
    arrays = arrays_of(study, resources=asked)
    check(study, arrays)
    assert len(arrays) == 8
    for array in arrays:
        assert {study.steps[key].cell.arch == "resnet18" for key in array.keys} == {array.resources == big}


class Ensemble(Cell):
    """A made-up cell with several parents, until there are real ones."""

    members: tuple[Cell, ...] = ()

    @property
    def parents(self) -> tuple[Cell, ...]:
        return self.members


def test_a_cell_with_many_parents_waits_for_all_of_them(study: Plan) -> None:
    recipe = RECIPES["appendix_a"]
    teachers = [step.cell for step in study.steps.values() if step.cell.column == "T"][:3]
    made = []
    for seed in (0, 1):
        ensemble = Ensemble("resnet20", "cifar10", "std", 0.0, "appendix_a", recipe, "sgd", 0, 90 + seed)
        object.__setattr__(ensemble, "members", tuple(teachers))
        made.append(ensemble)
    whole = Plan("e", {cell.key: Step(cell) for cell in [*teachers, *made]})
    arrays = arrays_of(whole, largest=2)
    assert [array.name for array in arrays[:2]] == ["01-T", "02-T"]
    assert [array.after.spelled({"01-T": "10", "02-T": "11"}) for array in arrays[2:] if array.after] == [
        "afterok:10_0:10_1:11_0"
    ] * 2


def test_spans() -> None:
    assert spans([0, 1, 2, 3, 4, 7]) == "0-4,7" and spans([3]) == "3" and spans([5, 1, 2]) == "1-2,5"
