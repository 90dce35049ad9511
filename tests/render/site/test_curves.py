"""A curve keeps its extremes however much it is thinned, and stays inside its drawing."""

import re

import numpy as np
import pytest

from sd.render.site.curve import COLUMNS, HEIGHT, WIDTH, chart, thinned


def points(path: str) -> np.ndarray:
    """The points of a path, in units of the drawing."""
    numbers = np.array([int(number) for number in re.findall(r"-?\d+", path)]).reshape(-1, 2)
    return numbers.cumsum(axis=0) / 10


def test_a_thinned_curve_has_the_ends_and_every_spike() -> None:
    x = np.arange(1.0, 601.0)
    y = np.sin(x)
    y[[37, 411]] = 9.0, -9.0
    few, kept = thinned(x, y)
    assert len(few) <= 2 * COLUMNS + 2
    assert {1.0, 38.0, 412.0, 600.0} <= set(few)
    assert kept.tolist() == y[few.astype(int) - 1].tolist()
    assert (np.diff(few) > 0).all()


@pytest.mark.parametrize(
    "values", [[1.0], [0.0, 0.0], [5.0, 1e-6, 3.0], [100.0] * 700, [1.0, np.nan, 3.0], [-1.0, 2.0]]
)
def test_whatever_the_values_the_curve_is_inside(values: list[float]) -> None:
    epochs = np.arange(1.0, len(values) + 1)
    drawn = chart("x", epochs, [("test", "second", np.array(values))], chosen=1, log=True)
    assert drawn
    found = points(drawn.lines[0].path)
    assert (found >= 0).all()
    assert (found[:, 0] <= WIDTH).all()
    assert (found[:, 1] <= HEIGHT).all()
    assert all(0 <= tick.place <= WIDTH for tick in [*drawn.x, *drawn.y])


def test_a_loss_over_many_magnitudes_is_logarithmic_and_says_so() -> None:
    drawn = chart("Loss", np.array([1.0, 2.0]), [("test", "second", np.array([2.0, 0.001]))], log=True)
    assert drawn
    assert "logarithmic" in drawn.title
    assert [tick.text for tick in drawn.y] == ["0.001", "0.01", "0.1", "1", "10"]


def test_nothing_measured_is_no_drawing() -> None:
    assert chart("x", np.array([1.0]), [("test", "second", np.array([np.nan]))]) is None


def test_who_cannot_see_it_is_told_where_it_begins_and_ends() -> None:
    drawn = chart("x", np.array([1.0, 2.0, 3.0]), [("test", "second", np.array([1.0, 5.0, 4.0]))])
    assert drawn
    assert drawn.words == "test: 1 at epoch 1, 4 at epoch 3, lowest 1 at 1, highest 5 at 2."
