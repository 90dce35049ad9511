"""What the queries of the claims find: ensembles, logits, robustness, spectra, surfaces, teachers."""

from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from judging import case, insert, make_tables, noisy, place, train, without
from synthetic import SyntheticRoot, chain

from sd.plan.cell import Cell
from sd.store.database import Database
from sd.store.record import find_records


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
    make_tables(database, [], {"fidelity": rows})
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
            "images_sha256": "0",
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
            {"testbed": "imagenet_v2", "name": f"m{number}", "family": "standard", "source_sha256": "0"}
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


def bowl(x: int, y: int) -> float:
    return (x * x + y * y) / 20


def test_spectra_and_loss_surfaces(synthetic: SyntheticRoot, database: Database) -> None:
    """Students with eigenvalues half as large as the teacher's, and a basin twice as wide; SAM's in between."""
    cells = list({cell.key: cell for seed in range(11) for cell in chain(3, seed=seed)}.values())
    cells += [replace(cell, optimizer="sam") for cell in cells if not cell.round]
    train(synthetic, cells, lambda cell: 90.0)
    database.ingest(find_records(synthetic.root))
    curvature, eigenvalues, spectra, landscapes, points = [], [], [], [], []
    for cell in cells:
        scale = (1.0 if cell.round == 0 else 0.5) * (0.7 if cell.optimizer == "sam" else 1) * (1 + cell.seed / 50)
        at = place(synthetic, cell)
        curvature.append(
            at | {"lambda_max": 20 * scale, "lambda_min": -scale, "trace": 100 * scale, "steps": 60, "runs": 1}
        )
        eigenvalues += [
            without(at, "checkpoint_sha256") | {"rank": rank, "eigenvalue": 20 * scale / rank} for rank in range(1, 21)
        ]
        spectra += [
            without(at, "checkpoint_sha256") | {"place": number, "node": node, "weight": 0.5}
            for number, node in enumerate((0.0, 20 * scale), start=1)
        ]
        landscapes.append(at | {"seed": 0, "directions": "random"})
        points += [
            without(at, "checkpoint_sha256") | {"seed": 0, "x": x / 10, "y": y / 10, "loss": 0.1 + scale * bowl(x, y)}
            for x in range(-5, 6)
            for y in range(-5, 6)
        ]
    for table, rows in {
        "curvature": curvature,
        "eigenvalues": eigenvalues,
        "spectra": spectra,
        "landscapes": landscapes,
        "landscape_points": points,
    }.items():
        insert(database, table, rows)
    for claim in ("C11", "C12", "C13"):
        found = case(database, claim)
        assert found.verdict == "supported", [(p.finding.part, p.finding.effect, p.adjusted) for p in found.parts]
    moments, _, widths, _ = (part.finding.found.effect for part in case(database, "C11").parts)
    assert (moments, widths) == (pytest.approx(np.log(0.25)), pytest.approx(np.log(0.5)))
    assert case(database, "C12").parts[0].finding.found.effect == pytest.approx(np.log(0.5))
    assert case(database, "C12").parts[1].finding.found.effect == 0.5, "smaller at every rank"
    inside = [np.mean([s * bowl(x, y) < 1 for x in range(-5, 6) for y in range(-5, 6)]) for s in (1.0, 0.5)]
    first = [row for row in case(database, "C13").rows if row["seed"] == 0]
    assert [first[0]["teacher_share"], first[0]["student_share"]] == pytest.approx(inside)


def test_teachers_with_augmentation_and_the_literatures_students(synthetic: SyntheticRoot, database: Database) -> None:
    for seed in range(9):
        for aug, sharp in (("std", 1.0), ("aa_cutout", 2.0)):
            (cell,) = chain(0, seed=seed, arch="resnet18", aug=aug)
            synthetic.train(cell, top1=noisy(95.5, cell))
            synthetic.measure(cell, trace=100 * sharp + seed, lambda_max=10 * sharp + seed)
    database.ingest(find_records(synthetic.root))
    assert case(database, "C8").verdict == "supported" and len(case(database, "C8").deciding) == 4
    found = case(database, "C0")
    assert found.verdict == "supported"
    assert found.parts[0].finding.found.effect == pytest.approx(95.5 - 94.21, abs=0.1)
    assert found.parts[0].finding.found.n == 18
