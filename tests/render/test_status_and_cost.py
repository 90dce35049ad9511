"""The matrix of where cells stand, the words before a launch, and the table of what was expected and taken."""

from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd.plan.artefacts import grid_plan
from sd.plan.cell import Cell
from sd.plan.cost import Pace, estimate, petaflop
from sd.plan.schedule import Plan, Step
from sd.render.cost_table import cost_table
from sd.render.forecast import ending, forecast
from sd.render.matrix import as_json, details, matrix, totals
from sd.store.database import open_database
from sd.store.progress import Done
from sd.store.record import cell_folder, find_records, read_record, write_record
from sd.store.standing import Standing
from sd.store.todo import Todo


def plan_of(cells: list[Cell]) -> Plan:
    return Plan("p", {cell.key: Step(cell) for cell in sorted(cells, key=lambda cell: cell.round)})


@pytest.fixture
def plan() -> Plan:
    return plan_of([cell for seed in (0, 1) for alpha in (0.2, 0.5) for cell in chain(2, alpha=alpha, seed=seed)])


def standings(plan: Plan) -> dict[str, Standing]:
    found = {}
    for key, step in plan.steps.items():
        cell = step.cell
        if cell.seed == 0:
            found[key] = {
                0: Standing("done"),
                1: Standing("running", epoch=12, top1=91.25, seconds_left=95.0, job="7_1"),
                2: Standing("waiting", "waits for its teacher R1", "8_1"),
            }[cell.round]
        else:
            failed = Standing("failed", "ValueError: no", "7_2", Path("logs/7_2_0_log.out"))
            found[key] = failed if cell.round == 0 else Standing("missing", "not run: T failed")
    return found


def test_an_entry_counts_its_seeds(plan: Plan) -> None:
    table = matrix(plan, standings(plan))
    assert table.headers == ["Architecture", "Dataset", "Aug", "α", "Teacher", "Round 1", "Round 2"]
    assert [row[3:] for row in table.texts()] == [[alpha, "✓ 1 ✗ 1", "▶ 1 – 1", "… 1 – 1"] for alpha in ("0.2", "0.5")]


def test_a_single_running_cell_shows_its_epoch() -> None:
    plan = plan_of(chain(1))
    (row,) = matrix(plan, dict.fromkeys(plan.steps, Standing("running", epoch=3))).texts()
    assert row[-2:] == ["▶ 3/600", "▶ 3/600"]


def test_every_cell_that_runs_or_failed_has_a_line_and_every_reason_to_wait_another(plan: Plan) -> None:
    found = standings(plan)
    assert totals(plan, found) == "p: 10 cells: 1 done, 2 running, 2 waiting, 1 failed, 4 not submitted"
    lines = details(plan, found, most=None)
    assert "epoch 12/600, test 91.25 %, 1 min 35 s left, job 7_1" in lines[0]
    assert lines[2].endswith("T seed=1: job 7_2: ValueError: no; see logs/7_2_0_log.out")
    assert lines[3:] == ["… 2 cells: waits for its teacher R1", "– 4 cells: not run: T failed"]
    short = details(plan, found, most=1)
    assert "▶ and 1 more that are running; --all shows them" in short


def test_json_has_every_cell(plan: Plan) -> None:
    cells = as_json(plan, standings(plan))
    assert [cell["key"] for cell in cells] == list(plan.steps)
    assert {"state", "note", "job", "log", "epoch", "epochs", "test_top1", "seconds_left"} <= cells[0].keys()


def test_a_forecast_says_what_it_rests_on(plan: Plan) -> None:
    teacher = next(iter(plan.steps.values())).cell
    todo = Todo(plan, Done(frozenset({teacher.key}), frozenset()), frozenset(), frozenset(plan.steps))
    kinds = dict.fromkeys(plan.steps, "cuda")
    unknown = estimate(todo.steps, kinds, {})
    total = sum(petaflop(step.cell) for step in todo.steps)
    assert unknown.hours("cuda") == pytest.approx(total / 100 * 1000 / 3600)
    said = forecast(todo, unknown, "to submit")
    assert said[0] == "p: 10 cells, 1 done, 10 to submit"
    assert "1 of them have facts but no checkpoint here" in said[1]
    assert said[2].endswith("all by operations, at an assumed 100 TFLOP/s of a GPU")
    known = estimate(todo.steps, kinds, {"cuda": {("resnet20", "cifar10"): Pace("cuda H100", 4, 1.5, {})}})
    assert known.seconds[teacher.key] == pytest.approx(600 * 3 * 1.5)
    assert known.chain == pytest.approx(600 * (3 + 4 + 4) * 1.5)
    assert "resnet20 on cifar10 as 4 cells took on cuda H100" in forecast(todo, known, "to submit")[2]
    assert "on all 2 GPUs of gpu: not done before 20" in ending(known, 2, "gpu")


@pytest.mark.parametrize(("minimal", "said"), [(False, "411 training runs; 54"), (True, "319 training runs; 41")])
def test_the_paper_is_said_to_be_as_many_runs_as_it_is(minimal: bool, said: str) -> None:
    paper = grid_plan("paper", minimal=minimal)
    todo = Todo(paper, Done(frozenset(), frozenset()), frozenset(), frozenset(paper.steps))
    lines = forecast(todo, estimate(todo.steps, dict.fromkeys(paper.steps, "cuda"), {}), "to submit")
    assert lines[1] == f"{said} are put together from trained ones, or are zero-shot classifiers"


def test_cells_on_cpus_are_priced_as_such(plan: Plan) -> None:
    steps = list(plan.steps.values())
    kinds = {key: "cpu" if step.cell.round else "cuda" for key, step in plan.steps.items()}
    cost = estimate(steps, kinds, {}, start=10.0)
    on_cpu = [step.cell for step in steps if step.cell.round]
    assert cost.hours("cpu") == pytest.approx((sum(map(petaflop, on_cpu)) / 0.05 * 1000 + 10 * len(on_cpu)) / 3600)


def test_expected_and_taken_stand_side_by_side(tmp_path: Path, synthetic: SyntheticRoot) -> None:
    cells = chain(2)
    for number, cell in enumerate(cells):
        synthetic.train(cell)
        path = cell_folder(synthetic.root, cell.key) / "attempts" / "0001.json"
        row = read_record(path)["tables"]["attempts"][0]
        facts = {"device": "cuda:1 H100", "seconds": 3600.0, "expected_seconds": 1800.0 if number else None}
        write_record(path, "attempt", {"attempts": [row | facts]})
    database = open_database(str(tmp_path / "results.db"), create=True)
    database.ingest(find_records(synthetic.root))
    (row,) = cost_table(plan_of(cells), database).texts()
    assert row == ["ResNet20", "CIFAR-10", "cuda H100", "3", "3", "1 h (of 2)", "3 h", "2"]
    assert cost_table(plan_of(chain(1, seed=5)), database).notes == ["none of its cells has been trained yet"]
