"""What --why says of cells, claims, figures and numbers, in every format; and what it says where nothing fits."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd import BadInput, resource
from sd.cluster.ledger import logs_of
from sd.plan.grid import read_grid
from sd.plan.schedule import Plan, plan
from sd.render.provenance.answer import Answer
from sd.render.provenance.asked import Sources, why
from sd.render.provenance.written import as_json, write_answer
from sd.store.database import open_database
from sd.store.record import find_records


def grid(name: str) -> tuple[Plan, list[Path]] | None:
    path = resource("jobs", f"{name}.yaml")
    return (plan([read_grid(path)]), [Path(f"jobs/{name}.yaml")]) if path.exists() else None


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    folder = tmp_path_factory.mktemp("shipped")
    shutil.copy(Path(__file__).resolve().parents[3] / "results.db", folder / "results.db")
    return Sources(open_database(str(folder / "results.db")), folder / "runs", grid)


@pytest.fixture
def sources(synthetic: SyntheticRoot, tmp_path: Path) -> Sources:
    """Two seeds of a chain of Table 3, with curvature of the first."""
    for seed in (0, 1):
        for cell in chain(2, alpha=0.2, seed=seed):
            synthetic.train(cell, top1=92.5 + seed + cell.round / 4)
            if not seed:
                synthetic.measure(cell)
    database = open_database(str(tmp_path / "results.db"), create=True)
    database.ingest(find_records(synthetic.root))
    return Sources(database, synthetic.root, grid)


def test_a_number_shows_its_formula_with_every_term(sources: Sources) -> None:
    answer = why("table3:ResNet20:CIFAR-10:No:0.2:R1", sources)
    assert (answer.text, answer.n) == ("93.25 ± 0.71", 2)
    assert answer.formula == [
        "mean = (92.75 + 93.75) / 2 = 93.25",
        "s = √[((92.75 − 93.25)² + (93.75 − 93.25)²) / (2 − 1)] = 0.7071067812, the sample standard deviation of n = 2 "
        "runs",
        "difference = 93.25 − 93.46 = −0.21; 93.46 is printed in Table 3, row 4",
    ]
    assert answer.printed and answer.printed.text == "93.46 ± 0.12"


def test_a_run_shows_its_checkpoint_its_teacher_and_its_attempts(sources: Sources, synthetic: SyntheticRoot) -> None:
    teacher, student, _ = chain(2, alpha=0.2)
    run = why("table3:ResNet20:CIFAR-10:std:0.2:R1", sources).runs[0]
    assert (run.key, run.label, run.seed, run.value) == (student.key, student.label, 0, 92.75)
    assert run.teacher_key == teacher.key and run.teacher_label == teacher.label
    assert run.teacher_sha256 == synthetic.checkpoint_hash(teacher, "best_test")
    assert run.sha256 == synthetic.checkpoint_hash(student, "best_test")
    assert run.file and Path(run.file).is_file() and run.file_is_here
    assert Path(run.record).is_file() and run.record_sha256
    (attempt,) = run.attempts
    assert attempt.found and attempt.status == "done" and attempt.number == 1
    assert Path(attempt.record).is_file() and attempt.versions["torch"]


def test_missing_seeds_are_named_with_the_command_that_trains_them(sources: Sources) -> None:
    answer = why("table3:ResNet20:CIFAR-10:std:0.2:R1", sources)
    absent = chain(1, alpha=0.2, seed=2)[1]
    assert answer.missing == (
        "2 of 3 runs are there",
        f"not in the database: {absent.label} ({absent.key})",
        "fill it with: python -m sd.launch jobs/table3.yaml --partition gpu",
    )


def test_the_difference_to_the_paper_can_be_asked_for(sources: Sources) -> None:
    answer = why("table3:ResNet20:CIFAR-10:std:0.2:R1:difference@last", sources)
    assert answer.value == pytest.approx(92.25 - 93.46) and answer.text == "−1.21"
    assert answer.address == "table3:ResNet20:CIFAR-10:std:0.2:R1:difference@last"
    assert why(answer.address, sources).text == answer.text


def test_the_checkpoint_of_the_command_line_counts_where_the_address_has_none(sources: Sources) -> None:
    place = "table3:ResNet20:CIFAR-10:std:0.2:T"
    assert why(place, sources, checkpoint="last").mean == why(f"{place}@last", sources).mean == 92.0
    assert why(f"{place}@best_test", sources, checkpoint="last").mean == 93.0


@pytest.mark.parametrize(
    "address",
    [
        "table3:resnet20:cifar10:No:0.2:R1",
        "TABLE3:ResNet20:CIFAR-10:std:α=0.2:Round 1",
        "table3:ResNet20:CIFAR-10:std:R1",
        "table3:ResNet20:CIFAR-10:std:0.2:R1:appendix_a:accuracy",
    ],
)
def test_addresses_are_taken_as_people_write_them(sources: Sources, address: str) -> None:
    assert why(address, sources).address == "table3:ResNet20:CIFAR-10:std:0.2:R1"


@pytest.mark.parametrize("metric", ["trace", "lambda_max", "λmax"])
def test_curvature_of_table_4_is_asked_for_by_its_metric(synthetic: SyntheticRoot, tmp_path: Path, metric: str) -> None:
    from sd.plan.recipe import RECIPES

    changes = {"arch": "resnet18", "dataset": "svhn", "aug": "none", "recipe_name": "svhn"}
    for seed in (0, 1):
        for cell in [replace(c, recipe=RECIPES["svhn"]) for c in chain(0, seed=seed, **changes)]:
            synthetic.train(cell)
            synthetic.measure(cell, trace=190.0 + 10 * seed, lambda_max=9.0 + seed)
    database = open_database(str(tmp_path / "results.db"), create=True)
    database.ingest(find_records(synthetic.root))
    answer = why(f"table4:ResNet18:SVHN:T:{metric}", Sources(database, synthetic.root, grid))
    assert answer.text == {"trace": "195.00 ± 7.07"}.get(metric, "9.50 ± 0.71")
    assert "on train images, measured as" in answer.title
    assert answer.runs[0].record.endswith(f"curvature-{synthetic.curvature.key}.json")
    for query in answer.queries:
        assert database.rows(query.sql)


def test_a_cell_is_asked_for_by_its_key(sources: Sources) -> None:
    teacher, student, _ = chain(2, alpha=0.2)
    answer = why(student.key, sources)
    assert answer.title == student.label
    assert f"teaches {chain(2, alpha=0.2)[2].label} ({chain(2, alpha=0.2)[2].key})" in answer.lines
    assert any("trace 100 ± 1 (s.e.), λmax 10" in line for line in answer.lines)
    assert answer.runs[0].teacher_key == teacher.key
    planned = chain(1, alpha=0.2, seed=2)[1]
    assert (
        why(planned.key, sources).missing[0].startswith("it is planned for Table 3; fill it with: python -m sd.launch")
    )


def test_a_claim_shows_its_tests_its_facts_and_its_cells(shipped: Sources) -> None:
    answer = why("claim:C1:noise", shipped)
    assert len(answer.runs) == 16 and {run.model for run in answer.runs} == {"T", "R1"}
    assert sum("teacher = " in line for line in answer.formula) == 11
    assert any("p = " in line and "by Holm" in line for line in answer.formula)
    assert shipped.database.rows(answer.queries[0].sql)
    assert len(why("claim:c1", shipped).runs) > 10


@pytest.mark.parametrize(
    ("claim", "models"),
    [
        ("C1", {"T", "R1"}),
        ("C2", {"T", "R1", "R2", "R3"}),
        ("C3", {"BAN2", "BAN3", "BAN4", "E2", "E3"}),
        ("C4", {"R1", "R1(E2)", "R1(E3)"}),
        ("C5", {"R1", "R2", "R3"}),
        ("C6", {"T", "R1"}),
        ("C6b", {"R1", "R2", "R3"}),
        ("C7", {"R1", "SAM"}),
        ("C11", {"T", "R1", "SAM"}),
        ("C12", {"T", "R1", "R2", "R3"}),
        ("C13", {"T", "R1", "R2"}),
        ("C15", {"T", "R1", "SAM"}),
    ],
)
def test_the_cells_of_a_claim_are_those_of_its_facts_and_no_others(
    shipped: Sources, claim: str, models: set[str]
) -> None:
    found = {run.model for run in why(f"claim:{claim}", shipped).runs}
    assert found <= models
    assert {name for name in models if not name.startswith(("BAN", "E"))} <= found


def test_every_claim_and_every_figure_has_an_answer(shipped: Sources) -> None:
    from sd.plan.artefacts import CLAIMS

    for address in [*(f"claim:{name}" for name in CLAIMS), *(f"figure:{number}" for number in range(1, 17))]:
        answer = why(address, shipped)
        assert answer.runs or answer.missing or "shows no run" in answer.lines[0], address
        for format_ in ("md", "html", "json"):
            assert write_answer(answer, format_)


def test_a_figure_shows_the_cells_that_are_drawn(shipped: Sources) -> None:
    answer = why("figure:4", shipped)
    assert answer.runs and all("resnet20" in run.label for run in answer.runs)
    assert answer.lines[0] == "another study than the paper's, which shows ResNet18 on CIFAR-10"


PROBLEMS = {
    "table2": "is not an address; give table2:ResNet18:CIFAR-10:aug:0.5:R1",
    "table2:ResNet19:CIFAR-10:aug:0.5:R1": "'ResNet19' is not an architecture; did you mean 'ResNet18'",
    "table2:ResNet18:SVHN:aug:0.5:R1": "Table 2 has no data set 'SVHN' there; known: CIFAR-10",
    "table2:ResNet20:CIFAR-10:aug:0.5:R1": "Table 2 has no architecture 'ResNet20' there; did you mean 'ResNet18'",
    "table2:ViT-S/32:CIFAR-10:std:0.5:R1": "Table 2 has no augmentation 'No' there; known: Yes",
    "table2:ResNet18:CIFAR-10:aug:0.3:R1": "Table 2 has no α 0.3; did you mean '0.8'? known: 0.2, 0.5, 0.8",
    "table4:ResNet18:SVHN:SAM": "Table 4 has no model 'SAM' there; known: T, R1, R2, R3",
    "table2:ResNet18:CIFAR-10:aug:0.5:R1:trace": "Table 2 has no metric 'trace' there; known: test_acc",
    "table2:ResNet18:CIFAR-10:aug:0.5:R1:sharp": "'sharp' is neither a metric nor a protocol",
    "table2:ResNet18:CIFAR-10:aug:0.5:R1@first": "'first' is not a checkpoint; give best_test, best_val, last",
    "digits:ResNet18:Digits:R1": "'ResNet18' is no architecture of this grid; did you mean 'ResNet8'",
    "digits:ResNet8:Digits:R4": "'R4' fits nothing there; did you mean 'R3'",
    "digits:ResNet8:Digits:0.7:R1": "'0.7' fits nothing there",
    "digits:ResNet8:Digits:0.5": "does not say which model; add one of: T, SAM, R1, R2, R3",
    "nothing:here": "is not an address; give table2:ResNet18",
    "claim:C99": "'C99' is not a claim; did you mean 'C9'",
    "claim:C1:moon": "no study has 'moon' in its name",
    "figure:17": "'17' is not a figure; give figure:1 to figure:16",
    "0123456789abcdef": "no cell of that key is in the database",
    "": "is not an address",
}


@pytest.mark.parametrize("address", PROBLEMS)
def test_what_does_not_fit_is_one_line_that_names_it(shipped: Sources, address: str) -> None:
    with pytest.raises(BadInput) as error:
        why(address, shipped)
    assert PROBLEMS[address] in str(error.value) and "\n" not in str(error.value)


def test_what_was_measured_under_another_protocol_is_pointed_to(shipped: Sources) -> None:
    answer = why("table3:ResNet20:CIFAR-10:std:0.2:R1", shipped)
    assert answer.value is None and answer.text == "—"
    assert answer.missing[-1] == "measured under other protocols: appendix_a (epochs 3); add :PROTOCOL"


def test_json_holds_everything(sources: Sources) -> None:
    said = json.loads(write_answer(why("table3:ResNet20:CIFAR-10:std:0.2:R1", sources), "json"))
    assert (said["text"], said["n"], said["metric"]) == ("93.25 ± 0.71", 2, "test_acc")
    assert said["runs"][0]["attempts"][0]["versions"]["torch"] and said["queries"][0]["sql"]
    with pytest.raises(BadInput, match="'pdf' is not a format of --why"):
        write_answer(why("table3:ResNet20:CIFAR-10:std:0.2:R1", sources), "pdf")


def test_a_hostile_string_stays_text(sources: Sources) -> None:
    answer = why("table3:ResNet20:CIFAR-10:std:0.2:R1", sources)
    hostile = replace(answer.runs[0], label="<script>alert(1)</script>")
    page = write_answer(replace(answer, runs=[hostile], title="<b>"), "html")
    assert "<script>" not in page and "&lt;script&gt;" in page and "<b>" not in page


def test_the_log_of_a_slurm_job_is_found(sources: Sources) -> None:
    folder = sources.root / "submissions" / "2026-study" / "logs"
    folder.mkdir(parents=True)
    (folder / "12_3_0_log.out").write_text("job 12_3 on node\n")
    assert logs_of(sources.root) == {"12_3": folder / "12_3_0_log.out"}
    with sources.database._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE attempts SET job_id = '12_3'")
    found = why("table3:ResNet20:CIFAR-10:std:0.2:T", replace(sources, logs=logs_of(sources.root)))
    assert {attempt.log for run in found.runs for attempt in run.attempts} == {str(folder / "12_3_0_log.out")}
    assert "job 12_3" in write_answer(found, "md")


def test_an_answer_is_the_same_twice(shipped: Sources) -> None:
    def once() -> Answer:
        return why("digits:ResNet8:Digits:noise=0.3:R1", shipped)

    assert as_json(once()) == as_json(once())
    assert write_answer(once(), "html") == write_answer(once(), "html")
