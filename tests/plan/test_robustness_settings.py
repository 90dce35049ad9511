"""What a cell's robustness is measured under: by default, by name, and what that costs."""

from dataclasses import replace
from pathlib import Path

from synthetic import chain

from sd.plan.cost import measure_images
from sd.plan.grid import read_grid
from sd.plan.measure import Robustness
from sd.plan.shifts import CORRUPTIONS

(TEACHER,) = chain(0)


def test_the_default_needs_no_download_but_for_imagenet() -> None:
    measure = Robustness()
    for name in ("cifar10", "cifar100", "svhn", "digits", "tiny_imagenet", "mine:flowers"):
        cell = replace(TEACHER, dataset=name)
        assert (measure.corruptions_of(cell), measure.test_sets(cell)) == (CORRUPTIONS, ())
    imagenet = replace(TEACHER, dataset="imagenet")
    assert (measure.corruptions_of(imagenet), measure.test_sets(imagenet)) == ((), ("imagenetv2",))


def test_a_test_set_concerns_the_cells_of_its_data_set_alone() -> None:
    measure = Robustness(shifts=["cifar10.1"])
    assert measure.test_sets(TEACHER) == ("cifar10.1",) and measure.concerns(TEACHER)
    assert not measure.concerns(replace(TEACHER, dataset="cifar100"))
    both = Robustness(shifts=["cifar10.1", "contrast"])
    assert both.concerns(replace(TEACHER, dataset="cifar100")) and not both.test_sets(replace(TEACHER, dataset="svhn"))


def test_the_key_does_not_depend_on_the_order_in_which_shifts_are_named() -> None:
    one = Robustness(shifts=["cifar10.1", "contrast", "shot_noise"], severities=[5, 1])
    other = Robustness(shifts=["shot_noise", "contrast", "cifar10.1"], severities=[1, 5])
    assert one.key == other.key != Robustness().key
    assert Robustness(shifts=["corruptions"]).key == Robustness(shifts=list(reversed(CORRUPTIONS))).key


def test_settings_that_went_into_a_manifest_come_out_of_it() -> None:
    for measure in (Robustness(), Robustness(shifts=["corruptions", "cifar10.1"], samples=500, severities=[3])):
        assert Robustness.model_validate(measure.model_dump(mode="json")).key == measure.key


def test_ensembles_are_measured_unasked_and_students_of_them(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(
        "name: g\ncells:\n  - {arch: resnet8, dataset: digits, recipe: digits, seeds: [0, 1], ensembles: {sizes: [2]},"
        " measure: robustness}\n"
    )
    found = {
        cell.column: [measure.name for measure in measures] for cell, measures in read_grid(tmp_path / "g.yaml").cells
    }
    assert found == {"T": ["robustness"], "E2": ["robustness"]}


def test_it_costs_a_forward_pass_of_each_image_and_set() -> None:
    assert measure_images(TEACHER, Robustness()) == 76 * 10_000
    assert measure_images(TEACHER, Robustness(shifts=["cifar10.1"])) == 10_000 + 2_000
    few = Robustness(
        shifts=["contrast", "cifar10.1"], severities=[1, 3], samples=500, checkpoints=["best_test", "last"]
    )
    assert measure_images(TEACHER, few) == 2 * 4 * 500
    assert measure_images(replace(TEACHER, dataset="mine:flowers"), Robustness()) is None
