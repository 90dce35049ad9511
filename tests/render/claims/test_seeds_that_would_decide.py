"""How many seeds would decide a claim, and the lines of a grid that add them."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from judging import case, noisy, seeds, train
from synthetic import SyntheticRoot, chain

from sd.plan.grid import read_grid
from sd.render.claims.grid_lines import grid_lines
from sd.render.claims.needed import needed
from sd.store.database import Database
from sd.store.pace import paces
from sd.store.record import find_records


def test_with_five_seeds_nothing_can_be_decided_and_the_number_that_would_is_given(
    synthetic: SyntheticRoot, database: Database, tmp_path: Path
) -> None:
    train(synthetic, seeds(5), lambda cell: noisy(90 + cell.round, cell))
    database.ingest(find_records(synthetic.root))
    found = case(database, "C1")
    assert found.verdict == "cannot be decided" and found.weakest.finding.found.smallest_p == 0.0625
    more = needed(found, database, partial(paces, database))
    assert more and more.seeds == 8, "2 ** (1 - 8) is the first below .05 / 6, and the effect is large"
    assert more.lines == (
        "- {arch: resnet20, dataset: cifar10, aug: std, recipe: appendix_a, alpha: [0.2, 0.5], rounds: 1, "
        "seeds: [5, 6, 7]}",
    )
    assert more.cost == "9 cells, 0.23 GPU-hours, by operations, at an assumed pace"
    (tmp_path / "more.yaml").write_text("name: more\ncells:\n" + "\n".join(f"  {line}" for line in more.lines))
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
    assert needed(case(database, "C1"), database, partial(paces, database)) is None


def test_no_effect_cannot_be_decided_by_any_number_of_seeds(synthetic: SyntheticRoot, database: Database) -> None:
    train(
        synthetic,
        [cell for seed in range(6) for cell in chain(1, seed=seed)],
        lambda cell: 90 + cell.seed % 2 * cell.round - cell.round / 2,
    )
    database.ingest(find_records(synthetic.root))
    more = needed(case(database, "C1"), database, partial(paces, database))
    assert more and more.seeds is None and "R1 − T, mean over cells" in more.words


def test_the_lines_for_ensembles_can_be_planned_and_share_no_member(
    synthetic: SyntheticRoot, database: Database, tmp_path: Path
) -> None:
    for seed in range(3):
        pool = [chain(0, seed=100 * seed + number)[0] for number in range(3)]
        models = chain(2, seed=seed)
        assembled = {"optimizer": "none", "seed": seed}
        ensemble = replace(pool[0], **assembled, origin="ensemble", members=tuple(pool))
        ban = replace(pool[0], **assembled, origin="ban", members=tuple(models), alpha=0.5, tau=4.0)
        train(synthetic, [*models, *pool, ban], lambda cell: noisy(93, cell))
        train(synthetic, [ensemble], lambda cell: noisy(96, cell))
    database.ingest(find_records(synthetic.root))
    found = case(database, "C3")
    lines, unsure = grid_lines(found, database, [3, 4])
    (tmp_path / "more.yaml").write_text("name: more\ncells:\n" + "".join(f"  {line}\n" for line in lines))
    cells = [cell for cell, _ in read_grid(tmp_path / "more.yaml").cells]
    assert {cell.column for cell in cells} >= {"E3", "BAN3"} and not unsure
    members = [member.key for cell in cells if cell.origin == "ensemble" for member in cell.members]
    assert len(members) == len(set(members)) == 6


def test_the_settings_of_a_curvature_are_read_off_its_rows(synthetic: SyntheticRoot, database: Database) -> None:
    """With settings that leave no trace in the rows the lines say so, rather than measure in another way."""
    for seed in range(4):
        for cell in chain(1, seed=seed):
            synthetic.train(cell)
            synthetic.measure(cell, trace=100.0 - 10 * cell.round - seed * cell.round)
    database.ingest(find_records(synthetic.root))
    lines, unsure = grid_lines(case(database, "C6"), database, [4])
    assert unsure == ", curvature with the settings that it had" and "probes" not in lines[0]
