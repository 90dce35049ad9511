"""Which study a figure shows: the paper's own, the one that is asked for, or the nearest, and then it says so."""

from pathlib import Path

import made
import pytest
from synthetic import chain

from sd import BadInput
from sd.render.figures.catalogue import FIGURES
from sd.render.figures.drawing import draw
from sd.store.database import Database


def test_the_papers_own_cells_are_shown_where_they_are(paper: Database) -> None:
    for number in (2, 3, 4, 6, 7, 8, 9, 11, 14, 15, 16):
        drawn = draw(number, paper)
        assert "NOT THE PAPER" not in drawn.caption
        assert {(row["arch"], row["aug"]) for row in drawn.rows if row["arch"]} == set(FIGURES[number].shown)


def test_what_of_the_papers_figure_is_missing_is_said(paper: Database) -> None:
    drawn = draw(5, paper)
    assert {row["arch"] for row in drawn.rows} == {"vgg16"}
    assert "Not measured here: ViT-S/32 with AutoAugment and Cutout." in drawn.caption


def test_else_the_nearest_study_is_shown_and_the_caption_begins_with_that(shipped: Database) -> None:
    """The same data set first, because it is nearest to what the paper asks, then the most models."""
    drawn = draw(4, shipped)
    assert {row["dataset"] for row in drawn.rows} == {"cifar10"}
    assert drawn.caption.startswith(
        "Figure 4. Curvature by round. NOT THE PAPER’S STUDY (ResNet18 on CIFAR-10, crop and flip or AutoAugment and "
        "Cutout, the paper’s protocol), of which the database holds no such runs."
    )
    assert "ResNet20 on CIFAR-10, crop and flip, recipe appendix_a (epochs 3): n = 3 seeds" in drawn.caption
    elsewhere = draw(12, shipped)
    assert {(row["dataset"], row["label_noise"]) for row in elsewhere.rows} == {("digits", 0.0)}


def test_a_study_is_picked_by_words_of_its_name(shipped: Database) -> None:
    for words, noise in (("digits", {0.0, 0.3}), ("digits 30%", {0.3}), ("Label NOISE 30%, digits", {0.3})):
        drawn = draw(4, shipped, study=words)
        assert {row["label_noise"] for row in drawn.rows} == noise, words
        assert "as asked for" in drawn.caption
    whole = "ResNet8 on Digits, no augmentation, recipe digits"
    assert {row["label_noise"] for row in draw(4, shipped, study=whole).rows} == {0.0}


def test_words_that_no_study_has_are_one_line_with_those_that_are_there(shipped: Database) -> None:
    with pytest.raises(BadInput) as error:
        draw(4, shipped, study="resnet18\nimagenet")
    (line,) = str(error.value).splitlines()
    assert "ResNet8 on Digits" in line and "ResNet20 on CIFAR-10" in line


def test_more_studies_than_a_figure_holds_are_refused(tmp_path: Path) -> None:
    crowd = made.Made(tmp_path / "made.db")
    for noise in (0.0, 0.1, 0.2, 0.3, 0.4):
        crowd.train(chain(1, label_noise=noise), curvature=True)
    database = crowd.database()
    with pytest.raises(BadInput, match="5 studies have data for this figure, it shows up to 4 at once"):
        draw(4, database, study="resnet20")
    assert {row["label_noise"] for row in draw(4, database).rows} == {0.0}


def test_the_cells_of_a_grid_alone_are_shown(paper: Database) -> None:
    keys = [row["key"] for row in paper.rows("SELECT key FROM cells WHERE arch = 'resnet18' AND aug = 'std'")]
    drawn = draw(4, paper, keys=keys)
    assert {row["aug"] for row in drawn.rows} == {"std"}


def test_students_at_another_temperature_have_the_same_teacher(tmp_path: Path) -> None:
    """T belongs to no temperature, so it stands beside the students of each."""
    two = made.Made(tmp_path / "made.db")
    for tau in (4.0, 1.0):
        two.train(chain(1, tau=tau), curvature=True)
    drawn = draw(4, two.database(), study="τ = 1")
    assert sorted(row["model"] for row in drawn.rows) == ["R1", "T"]
    assert {row["tau"] for row in drawn.rows} == {None, 1.0}


def test_controls_are_no_students(tmp_path: Path) -> None:
    from dataclasses import replace

    some = made.Made(tmp_path / "made.db")
    cells = chain(1)
    some.train([*cells, replace(cells[1], method="permuted")], curvature=True)
    assert sorted(row["model"] for row in draw(4, some.database()).rows) == ["R1", "T"]


def test_of_two_ways_to_measure_one_is_shown(tmp_path: Path) -> None:
    """Of curves that of most models, of spectra the finest."""
    twice = made.Made(tmp_path / "made.db")
    cells = chain(2)
    twice.train(cells, curvature=True)
    fine = [row | {"measure_key": "fine", "n_samples": 5000} for row in twice.facts["curvature"][:2]]
    twice.add("curvature", *fine)
    made.spectra(twice, cells)
    some = {row["cell_key"] for row in fine}
    spectra = [row | {"measure_key": "fine"} for row in twice.facts["spectra"] if row["cell_key"] in some]
    twice.add("spectra", *spectra)
    database = twice.database()
    assert {row["measure_key"] for row in draw(4, database).rows} == {"curv"}
    assert {row["measure_key"] for row in draw(7, database).rows} == {"fine"}


def test_the_other_split_on_request(paper: Database, tmp_path: Path) -> None:
    both = made.Made(tmp_path / "made.db")
    both.train(chain(1), curvature=True)
    both.add("curvature", *({**row, "split": "test", "trace": 1.0} for row in both.facts["curvature"]))
    database = both.database()
    assert {row["split"] for row in draw(4, database).rows} == {"train"}
    drawn = draw(4, database, split="test")
    assert {row["trace"] for row in drawn.rows} == {1.0} and "200 test images" in drawn.caption


def test_a_measurement_of_a_checkpoint_that_was_trained_anew_is_left_out(tmp_path: Path) -> None:
    stale = made.Made(tmp_path / "made.db")
    made.surfaces(stale, chain(2, arch="resnet20_noskip"), points=3)
    for row in stale.facts["landscapes"]:
        row["checkpoint_sha256"] = "0"
    drawn = draw(8, stale.database())
    assert drawn.figure is None and "holds no loss surfaces" in drawn.missing
