"""From records to verdicts: planted effects, studies that are kept apart, facts that are missing or stale."""

from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from judging import case, noisy, seeds, train
from synthetic import SyntheticRoot, chain

from sd.render.claims.judge import CLAIMS, judge
from sd.store.database import Database
from sd.store.record import find_records


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


def test_claims_without_facts_have_no_case(database: Database) -> None:
    assert judge(database, "best_test") == []


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


def test_a_measure_of_another_checkpoint_does_not_count(synthetic: SyntheticRoot, database: Database) -> None:
    cells = [cell for seed in range(3) for cell in chain(1, seed=seed)]
    for cell in cells:
        synthetic.train(cell)
        synthetic.measure(cell)
    database.ingest(find_records(synthetic.root))
    assert any(one.claim.id == "C6" for one in judge(database, "best_test"))
    with sa.create_engine(f"sqlite:///{database.shown}").begin() as connection:
        connection.exec_driver_sql("UPDATE curvature SET checkpoint_sha256 = 'earlier'")
    assert not any(one.claim.id == "C6" for one in judge(database, "best_test"))
