"""Any model of timm, and a user's own architectures and data sets: their names, and what a plan says of their cost."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sd import BadInput
from sd.plan.catalogue import ARCHITECTURES, DATASETS, architecture, dataset, is_own, printed
from sd.plan.cell import Cell
from sd.plan.cost import Pace, estimate, forward_gflop, measure_petaflop, petaflop
from sd.plan.grid import read_grid
from sd.plan.measure import Curvature
from sd.plan.recipe import RECIPES
from sd.plan.schedule import Plan, Step, plan
from sd.render.forecast import forecast
from sd.store.progress import Done
from sd.store.todo import Todo

GRID = """\
name: own
defaults: {dataset: cifar10, recipe: appendix_a, seeds: 0, rounds: 1, alpha: 0.5}
cells:
  - {arch: [resnet20, timm:resnet50.a1_in1k, my_models:mlp, my.package:net]}
  - {arch: resnet20, dataset: my_data:sketches}
resources: {timm:resnet50.a1_in1k: {hours: 3}, my_models:mlp: {cpus: 3}}
"""


def cell(arch: str, data: str = "cifar10") -> Cell:
    return Cell(arch, data, "std", 0.0, "appendix_a", RECIPES["appendix_a"], "sgd", 0, 0)


def write(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text)
    return path


def test_a_grid_may_name_them_and_ask_resources_for_them(tmp_path: Path) -> None:
    grid = read_grid(write(tmp_path, GRID))
    assert len(grid.cells) == 10
    assert set(grid.resources) == {"timm:resnet50.a1_in1k", "my_models:mlp"}


def test_planning_imports_neither_torch_nor_timm_nor_the_users_module(tmp_path: Path) -> None:
    (tmp_path / "my_models.py").write_text("raise RuntimeError('imported while planning')\n")
    write(tmp_path, GRID)
    program = (
        "import sys\nfrom pathlib import Path\nfrom sd.plan.grid import read_grid\n"
        "read_grid(Path('own.yaml'))\nassert not {'torch', 'timm', 'my_models'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    "name", ["timm:", "timm:a b", "my_models:", ":f", "my-models:f", "a:b:c", "a.b", "a:9", ".a:b"]
)
def test_what_has_neither_form_is_a_mistake_of_one_line(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"name: own\ncells:\n  - {{arch: '{name}', dataset: cifar10, recipe: digits, seeds: 0}}\n")
    with pytest.raises(BadInput) as refused:
        read_grid(path)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{path}:3: arch: {name!r} is not a known architecture; ")
    assert line.endswith("; or timm:NAME, or module:function of your own")
    with pytest.raises(BadInput, match="is not a known architecture"):
        architecture(name)


def test_a_misspelt_name_is_answered_with_the_nearest_and_the_two_forms(tmp_path: Path) -> None:
    text = (
        "name: own\ncells:\n  - {arch: vit_s3, dataset: timm:cifar, recipe: digits, seeds: 0}\nresources: {vgg: {}}\n"
    )
    with pytest.raises(BadInput) as refused:
        read_grid(write(tmp_path, text))
    arch, data, resources = str(refused.value).splitlines()
    assert "did you mean 'vit_s32'?" in arch
    assert "'timm:cifar' is not a known data set; " in data and data.endswith("; or module:function of your own")
    assert "resources: 'vgg' is not an architecture; did you mean 'vgg16'?" in resources and "timm:NAME" in resources


def test_the_facts_of_a_name() -> None:
    assert architecture("resnet18") is ARCHITECTURES["resnet18"] and dataset("cifar10") is DATASETS["cifar10"]
    assert architecture("timm:resnet50").title == "resnet50" and architecture("timm:resnet50").forward_gflop is None
    assert printed("my_models:mlp", "my_data:sketches", "std") == ("my_models:mlp", "my_data:sketches", "No")
    assert is_own("my_models:mlp") and not is_own("timm:resnet50") and not is_own("resnet50")


def test_larger_images_cost_more_unless_they_are_resized_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "large", replace(DATASETS["cifar10"], side=64))
    assert forward_gflop(cell("resnet18", "large")) == pytest.approx(4.444, rel=1e-3)
    assert forward_gflop(cell("vit_s32", "large")) == forward_gflop(cell("vit_s32")) == pytest.approx(2.285, rel=1e-3)


@pytest.mark.parametrize(("arch", "data"), [("timm:resnet50", "cifar10"), ("resnet20", "my_data:sketches")])
def test_an_unknown_cost_is_none(arch: str, data: str) -> None:
    own = cell(arch, data)
    assert forward_gflop(own) is petaflop(own) is measure_petaflop(own, Curvature()) is None


def test_cells_of_unknown_cost_are_left_out_of_an_estimate_unless_their_like_was_measured(tmp_path: Path) -> None:
    study: Plan = plan([read_grid(write(tmp_path, GRID))])
    todo = Todo(study, Done(frozenset(), frozenset()), frozenset(), frozenset(study.steps))
    kinds = dict.fromkeys(study.steps, "cuda")
    blind = estimate(todo.steps, kinds, {}, start=10.0)
    assert len(blind.seconds) == 2
    (line,) = forecast(todo, blind, "to run")[1:]
    assert "8 cells of unknown cost (models of timm, or what is your own) left out" in line
    pace = Pace("H100", 3, 2.0, {})
    wiser = estimate(todo.steps, kinds, {"cuda": {("my_models:mlp", "cifar10"): pace}}, start=10.0)
    assert len(wiser.seconds) == 4
    taught = next(step.cell for step in todo.steps if step.cell.arch == "my_models:mlp" and step.cell.round)
    assert wiser.seconds[taught.key] == pytest.approx(10 + 600 * 4 * 2)
    assert wiser.chain == pytest.approx(20 + 600 * 7 * 2)
    assert "6 cells of unknown cost" in forecast(todo, wiser, "to run")[1]


def test_a_measure_is_priced_by_the_pace_without_operations() -> None:
    """Of images: a Hessian-vector product is six forward passes of each."""
    own, measure = cell("my_models:mlp"), Curvature(samples=500, probes=10, steps=10)
    found = estimate(
        [Step(own, (measure,))], {own.key: "cpu"}, {"cpu": {(own.arch, "cifar10"): Pace("cpu", 1, 5.0, {})}}
    )
    images = 20 * len(measure.checkpoints) * 500 * len(measure.splits) * 6
    assert found.seconds[own.key] == pytest.approx(600 * 3 * 5 + 5 * images / 50_000)
    data = cell("resnet20", "my_data:sketches")
    paces = {"cpu": {("resnet20", data.dataset): Pace("cpu", 1, 5.0, {measure.key: 7.0})}}
    assert estimate([Step(data, (measure,))], {data.key: "cpu"}, paces).seconds[data.key] == 600 * 3 * 5 + 7
    unmeasured = {"cpu": {("resnet20", data.dataset): Pace("cpu", 1, 5.0, {})}}
    assert not estimate([Step(data, (measure,))], {data.key: "cpu"}, unmeasured).seconds


def test_a_forecast_without_any_known_cost_says_so_alone(tmp_path: Path) -> None:
    own = cell("timm:resnet50")
    study = Plan("p", {own.key: Step(own)})
    todo = Todo(study, Done(frozenset(), frozenset()), frozenset(), frozenset(study.steps))
    line = forecast(todo, estimate(todo.steps, {own.key: "cuda"}, {}), "to run")[1]
    assert line == ("cost: 0 GPU-hours; 1 cell of unknown cost (models of timm, or what is your own) left out")
