"""From records to verdicts: planted effects, studies that are kept apart, facts that are missing or stale."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from synthetic import SyntheticRoot, chain

from sd.plan.cell import Cell
from sd.render.claims.judge import CLAIMS, Case, judge
from sd.render.claims.needed import needed
from sd.store.database import Database, open_database
from sd.store.record import find_records


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(str(tmp_path / "results.db"), create=True)


def train(root: SyntheticRoot, cells: list[Cell], top1: Callable[[Cell], float]) -> None:
    for cell in cells:
        root.train(cell, top1=top1(cell), last=top1(cell) - 0.1)


def case(database: Database, claim: str, **study: Any) -> Case:
    found = [
        one
        for one in judge(database, "best_test")
        if one.claim.id == claim and all(getattr(one.study, name) == value for name, value in study.items())
    ]
    assert len(found) == 1, [one.study for one in found]
    return found[0]


def noisy(value: float, cell: Cell) -> float:
    return value + 0.05 * float(np.random.default_rng([cell.seed, cell.round, len(cell.aug)]).normal())


def seeds(count: int, **changes: Any) -> list[Cell]:
    """Chains of three rounds with SAM; α share their teacher."""
    cells = []
    for seed in range(count):
        for alpha in (0.2, 0.5):
            cells += chain(3, alpha=alpha, seed=seed, **changes)
        cells.append(replace(cells[-4], optimizer="sam"))
    return cells


def test_planted_gains_support_the_claims_of_accuracy(synthetic: SyntheticRoot, database: Database) -> None:
    gains = {"T": 0.0, "R1": 1.0, "R2": 0.9, "R3": 1.0, "SAM": 2.0}
    train(synthetic, seeds(9), lambda cell: noisy(90 + gains[cell.column], cell))
    database.ingest(find_records(synthetic.root))
    verdicts = {one.claim.id: one.verdict for one in judge(database, "best_test")}
    assert verdicts == {"C1": "supported", "C2": "supported", "C15": "supported", "C16": "supported"}
    gain = case(database, "C1").parts[0]
    assert gain.finding.found.n == 9 and gain.finding.found.p == 2 / 2**9
    assert gain.finding.found.effect == pytest.approx(1.0, abs=0.1)
    assert case(database, "C1").tests == 6, "C1 has two deciding parts, C15 two, C2 and C16 one each"
    assert gain.adjusted == pytest.approx(5 * 2 / 2**9), "all sign flips have one p, the t of every cell a smaller one"


def test_planted_losses_contradict(synthetic: SyntheticRoot, database: Database) -> None:
    losses = {"T": 0.0, "R1": -1.0, "R2": -1.0, "R3": -1.0, "SAM": -2.0}
    train(synthetic, seeds(9), lambda cell: noisy(90 + losses[cell.column], cell))
    database.ingest(find_records(synthetic.root))
    assert {case(database, name).verdict for name in ("C1", "C15")} == {"contradicted"}


def test_one_bad_cell_contradicts_all_cases_though_the_mean_is_better(
    synthetic: SyntheticRoot, database: Database
) -> None:
    train(
        synthetic, seeds(9), lambda cell: noisy(90 + (0 if not cell.round else -0.5 if cell.alpha == 0.5 else 3), cell)
    )
    database.ingest(find_records(synthetic.root))
    found = case(database, "C1")
    assert [part.verdict for part in found.deciding] == ["supported", "contradicted"]
    assert found.verdict == "contradicted" and "α=0.5" in found.weakest.finding.note


def test_with_five_seeds_nothing_can_be_decided_and_the_number_that_would_is_given(
    synthetic: SyntheticRoot, database: Database, tmp_path: Path
) -> None:
    train(synthetic, seeds(5), lambda cell: noisy(90 + cell.round, cell))
    database.ingest(find_records(synthetic.root))
    found = case(database, "C1")
    assert found.verdict == "cannot be decided" and found.weakest.finding.found.smallest_p == 0.0625
    more = needed(found, database)
    assert more and more.seeds == 8, "2 ** (1 - 8) is the first below .05 / 6, and the effect is large"
    assert more.lines == (
        "- {arch: resnet20, dataset: cifar10, aug: std, recipe: appendix_a, alpha: [0.2, 0.5], rounds: 1, "
        "seeds: [5, 6, 7]}",
    )
    assert more.cost == "9 cells, 0.23 GPU-hours, by operations, at an assumed pace"
    (tmp_path / "more.yaml").write_text("name: more\ncells:\n" + "\n".join(f"  {line}" for line in more.lines))
    from sd.plan.grid import read_grid

    train(
        synthetic,
        [cell for cell, _ in read_grid(tmp_path / "more.yaml").cells],
        lambda cell: noisy(90 + cell.round, cell),
    )
    database.ingest(find_records(synthetic.root))
    assert case(database, "C1").verdict != "cannot be decided"


def test_decided_cases_need_nothing(synthetic: SyntheticRoot, database: Database) -> None:
    train(synthetic, seeds(9), lambda cell: noisy(90 + cell.round, cell))
    database.ingest(find_records(synthetic.root))
    assert needed(case(database, "C1"), database) is None


def test_no_effect_cannot_be_decided_by_any_number_of_seeds(synthetic: SyntheticRoot, database: Database) -> None:
    train(
        synthetic,
        [cell for seed in range(6) for cell in chain(1, seed=seed)],
        lambda cell: 90 + cell.seed % 2 * cell.round - cell.round / 2,
    )
    database.ingest(find_records(synthetic.root))
    more = needed(case(database, "C1"), database)
    assert more and more.seeds is None and "R1 − T, mean over cells" in more.words


def test_studies_are_never_pooled(synthetic: SyntheticRoot, database: Database) -> None:
    """Another number of epochs, noise, temperature or data set is another study; the paper's is one of them."""
    kinds: list[dict[str, Any]] = [{}, {"epochs": 3}, {"label_noise": 0.3}, {"dataset": "cifar100"}, {"tau": 1.0}]
    for changes in kinds:
        cells = [cell for seed in range(2) for cell in chain(1, seed=seed, **dict(changes))]
        train(synthetic, cells, lambda cell: 90 + cell.round)
    database.ingest(find_records(synthetic.root))
    found = [one for one in judge(database, "best_test") if one.claim.id == "C1"]
    assert sorted(one.study.title for one in found) == [
        "CIFAR-10, recipe appendix_a (epochs 3)",
        "CIFAR-10, the paper’s protocol",
        "CIFAR-10, the paper’s protocol, label noise 30%",
        "CIFAR-10, the paper’s protocol, τ=1",
        "CIFAR-100, the paper’s protocol",
    ]
    assert {one.parts[0].finding.found.n for one in found} == {2}


def test_only_the_cells_asked_for_are_judged(synthetic: SyntheticRoot, database: Database) -> None:
    cells = [cell for seed in range(4) for cell in chain(1, seed=seed)]
    train(synthetic, cells, lambda cell: 90 + cell.round)
    database.ingest(find_records(synthetic.root))
    (found,) = [one for one in judge(database, "last", [cell.key for cell in cells[:6]]) if one.claim.id == "C1"]
    assert found.parts[0].finding.found.n == 3 and found.checkpoint == "last"


def test_curvature_is_judged_on_each_split_and_measured_alike(synthetic: SyntheticRoot, database: Database) -> None:
    for cell in seeds(12):
        flat = {"T": 1.0, "R1": 0.5, "R2": 0.51, "R3": 0.49, "SAM": 0.25}[cell.column]
        wobble = float(np.exp(0.02 * np.random.default_rng([cell.seed, cell.round]).normal()))
        synthetic.train(cell, top1=noisy(90 + 1 / flat, cell))
        synthetic.measure(cell, trace=100 * flat * wobble, lambda_max=10 * flat * wobble)
    database.ingest(find_records(synthetic.root))
    verdicts = {one.claim.id: one.verdict for one in judge(database, "best_test")}
    assert verdicts["C6"] == verdicts["C6b"] == verdicts["C14"] == "supported" and verdicts["C7"] == "contradicted"
    parts = [part.finding.part for part in case(database, "C6").deciding]
    assert parts == [f"{name}, R1 / T ({s} images)" for name in ("trace", "λmax") for s in ("train", "test")]


def test_ensembles_against_born_again_networks(synthetic: SyntheticRoot, database: Database) -> None:
    for seed in range(9):
        pool = [chain(0, seed=100 * seed + place)[0] for place in range(3)]
        assembled = {"optimizer": "none", "seed": seed}
        ensembles = [replace(pool[0], **assembled, origin="ensemble", members=tuple(pool[:size])) for size in (2, 3)]
        for alpha in (0.2, 0.8):
            models = chain(2, alpha=alpha, seed=seed)
            bans = [
                replace(models[0], **assembled, origin="ban", members=tuple(models[:size]), alpha=alpha, tau=4.0)
                for size in (2, 3)
            ]
            train(
                synthetic,
                [*models, *bans],
                lambda cell: noisy(93 if cell.origin == "trained" else 94 + cell.alpha, cell),
            )
        students = [replace(chain(1, alpha=0.2, seed=seed)[1], teacher=ensemble) for ensemble in ensembles]
        train(synthetic, [*pool, *ensembles], lambda cell: noisy(95.5 if cell.members else 93, cell))
        train(synthetic, students, lambda cell: 93.5 + len(cell.teacher.members) if cell.teacher else 0)
    database.ingest(find_records(synthetic.root))
    found = case(database, "C3")
    assert [part.verdict for part in found.parts] == ["supported"] * 3
    assert found.parts[0].finding.found.effect == pytest.approx(95.5 - 94.5, abs=0.1)
    assert found.parts[2].finding.found.effect == pytest.approx(-1, abs=0.1)
    assert case(database, "C4").verdict == "supported"
    assert case(database, "C4").parts[0].finding.found.n == 9


def test_claims_without_facts_have_no_case(database: Database) -> None:
    assert judge(database, "best_test") == []


def make_tables(database: Database, statements: list[str], rows: dict[str, list[dict[str, Any]]]) -> None:
    """Tables that another part of sd fills, as sql/README.md agrees on them."""
    with sa.create_engine(f"sqlite:///{database.shown}").begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        for table, entries in rows.items():
            for entry in entries:
                names = ", ".join(entry)
                marks = ", ".join(f":{name}" for name in entry)
                connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), entry)


def test_logits_that_come_closer_by_the_round(synthetic: SyntheticRoot, database: Database) -> None:
    cells = [cell for seed in range(4) for alpha in (0.2, 0.5) for cell in chain(3, alpha=alpha, seed=seed)]
    train(synthetic, cells, lambda cell: 90.0)
    database.ingest(find_records(synthetic.root))
    rows = [
        {
            "cell_key": cell.key,
            "measure_key": "m",
            "checkpoint": "best_test",
            "split": "train",
            "checkpoint_sha256": synthetic.checkpoint_hash(cell, "best_test"),
            "teacher_sha256": "0",
            "subset_sha256": "0",
            "n_samples": 10,
            "mse": 4.0 / cell.round + cell.seed,
            "mse_centred": 3.0 / cell.round,
            "kl": 0.1,
            "kl_tau": 0.1,
            "agreement": 99.0,
            "teacher_top1": 90.0,
            "student_top1": 90.0,
            "seconds": 1.0,
            "attempt_id": "none",
        }
        for cell in {cell.key: cell for cell in cells if cell.round}.values()
    ]
    columns = ", ".join(f"{name} {'REAL' if isinstance(value, float) else 'TEXT'}" for name, value in rows[0].items())
    statements = [] if database.has("fidelity") else [f"CREATE TABLE fidelity ({columns})"]
    make_tables(database, statements, {"fidelity": rows})
    found = case(database, "C5")
    assert found.verdict == "supported" and found.weakest.finding.found.n == 4
    assert found.weakest.finding.found.p == pytest.approx(2 / 6**4)


def clip(root: SyntheticRoot) -> list[tuple[Cell, float, float]]:
    """A zero-shot teacher of each encoder and students of RN50 at five α: (cell, reference, shifted)."""
    found = []
    for arch in ("clip_rn50", "clip_rn101"):
        (trained,) = chain(0, arch=arch, dataset="imagenet", aug="none")
        teacher = replace(trained, optimizer="none", origin="zero_shot")
        found.append((teacher, 59.8, 52.5))
        student = replace(chain(1, arch=arch, dataset="imagenet", aug="none", tau=1.0)[1], teacher=teacher)
        found.append((replace(student, alpha=0.0), 58.0, 50.0))
        if arch == "clip_rn50":
            for place, alpha in enumerate((0.2, 0.5, 0.8, 1.0), start=1):
                found.append((replace(student, alpha=alpha), 58.0 + 4.5 * place, 49.0 + 3.7 * place))
    for cell, reference, _ in found:
        root.train(cell, top1=reference)
    return found


def test_effective_robustness_against_a_line_of_standard_models(synthetic: SyntheticRoot, database: Database) -> None:
    cells = clip(synthetic)
    database.ingest(find_records(synthetic.root))
    with sa.create_engine(f"sqlite:///{database.shown}").begin() as connection:
        connection.exec_driver_sql("UPDATE evaluations SET n_samples = 50000")
    rows = [
        {
            "cell_key": cell.key,
            "measure_key": "m",
            "checkpoint": "best_test",
            "split": "test",
            "shift": "imagenetv2",
            "severity": 0,
            "checkpoint_sha256": synthetic.checkpoint_hash(cell, "best_test"),
            "subset_sha256": "0",
            "n_samples": 10000,
            "top1": shifted,
            "loss": 1.0,
            "ece": 0.1,
            "brier": 0.5,
            "seconds": 1.0,
            "attempt_id": "none",
        }
        for cell, _, shifted in cells
    ]
    draw = np.random.default_rng(3)
    standard = []
    for number, x in enumerate(np.linspace(-0.5, 1.5, 30)):
        y = 0.92 * x - 0.5 + 0.02 * draw.normal()
        percent = [float(100 / (1 + np.exp(-value))) for value in (x, y)]
        standard.append(
            {"testbed": "imagenet_v2", "model": f"m{number}", "family": "standard"}
            | dict(zip(("id_top1", "ood_top1"), percent, strict=True))
        )
    statements = []
    for name, example in (("robustness", rows[0]), ("testbeds", standard[0])):
        columns = ", ".join(f"{key} {'TEXT' if isinstance(value, str) else 'REAL'}" for key, value in example.items())
        statements += [] if database.has(name) else [f"CREATE TABLE {name} ({columns})"]
    with sa.create_engine(f"sqlite:///{database.shown}").begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("DELETE FROM testbeds")
    make_tables(database, [], {"robustness": rows, "testbeds": standard})
    inherited = case(database, "C9")
    assert inherited.verdict == "supported", [(p.finding.part, p.finding.effect, p.adjusted) for p in inherited.parts]
    assert inherited.parts[0].finding.found.n == 2
    assert inherited.parts[1].finding.found.effect == pytest.approx(-1.8)
    sweep = case(database, "C10")
    trend, robustness, gain = sweep.parts
    assert trend.finding.found.effect == 1 and trend.finding.found.p == pytest.approx(2 / 120)
    assert robustness.finding.found.effect == -1
    assert gain.finding.found.effect == pytest.approx(18 - 15) and gain.finding.supports


def test_every_query_that_is_named_exists_and_no_other() -> None:
    from sd import resource

    named = {claim.query for claim in CLAIMS}
    assert {path.stem for path in resource("sql", "claims").glob("*.sql")} == named
    for path in resource("sql", "claims").glob("*.sql"):
        assert path.read_text().startswith("-- A row is one ")


def test_a_gain_no_larger_than_what_choosing_the_epoch_gives_is_not_supported(
    synthetic: SyntheticRoot, database: Database
) -> None:
    for seed in range(9):
        for cell in chain(1, seed=seed):
            synthetic.train(cell, top1=noisy(90 + cell.round, cell), last=noisy(88 + cell.round, cell))
    database.ingest(find_records(synthetic.root))
    assert case(database, "C1").verdict == "supported"
    found = case(database, "C16")
    assert found.verdict == "contradicted" and found.weakest.finding.found.effect == pytest.approx(1 - 2, abs=0.1)
