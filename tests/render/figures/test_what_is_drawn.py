"""What is on the paper is what the query found: marks, bars, lines, levels and surfaces, read off the artists."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import made
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.container import ErrorbarContainer
from synthetic import chain

from sd.plan.recipe import RECIPES
from sd.render.figures.catalogue import FIGURES
from sd.render.figures.drawing import Drawn, draw
from sd.store.database import Database

CURVES = (4, 5, 10, 11, 12, 13)


def panels(drawn: Drawn) -> list[Axes]:
    assert drawn.figure is not None
    return [axes for axes in drawn.figure.get_axes() if axes.get_label() != "<colorbar>"]


def bars(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """Mean and standard deviation of every mark, by the label of its line."""
    found: dict[str, list[tuple[float, float]]] = {}
    for container in axes.containers:
        assert isinstance(container, ErrorbarContainer)
        (line, _, (lines,)) = container.lines
        means = [float(y) for y in np.asarray(line.get_ydata())]
        ends = [np.asarray(segment).reshape(-1, 2)[:, 1] for segment in lines.get_segments()]
        spread = [float(np.ptp(end)) / 2 if len(end) else float("nan") for end in ends]
        found[str(container.get_label())] = list(zip(means, spread, strict=True))
    return found


def expected(drawn: Drawn, column: str, **where: Any) -> tuple[float, float]:
    values = [row[column] for row in drawn.rows if all(row[name] == value for name, value in where.items())]
    return fmean(values), stdev(values)


def dots(axes: Axes) -> set[float]:
    """The heights of all faint dots."""
    return {
        float(y)
        for collection in axes.collections
        if isinstance(collection, PathCollection)
        for _, y in np.asarray(collection.get_offsets())
    }


def test_curves_are_means_of_the_rows_with_their_spread(paper: Database) -> None:
    drawn = draw(4, paper)
    for axes, (aug, column) in zip(
        panels(drawn), [(aug, name) for aug in ("std", "aa_cutout") for name in ("trace", "lambda_max")], strict=True
    ):
        found = bars(axes)
        assert found["T, teacher"] == [pytest.approx(expected(drawn, column, aug=aug, model="T"))]
        assert found["SAM"] == [pytest.approx(expected(drawn, column, aug=aug, model="SAM"))]
        for alpha in (0.2, 0.5, 0.8):
            wanted = [expected(drawn, column, aug=aug, model=model, alpha=alpha) for model in ("R1", "R2", "R3")]
            assert found[f"students, α = {alpha:g}"] == [pytest.approx(point) for point in wanted]
        assert dots(axes) == {row[column] for row in drawn.rows if row["aug"] == aug}
        assert axes.get_ylim()[0] == 0
    assert len(drawn.rows) == 2 * 3 * (2 + 3 * 3)


def test_curves_of_the_shipped_database_are_its_measurements(shipped: Database) -> None:
    drawn = draw(4, shipped, study="digits 30%")
    (trace, _) = panels(drawn)
    rows = shipped.rows(
        "SELECT model, trace FROM curvature_outcomes"
        " WHERE dataset = 'digits' AND label_noise = 0.3 AND checkpoint = 'best_test' AND split = 'train'"
        " AND measure_key = :way",
        way=drawn.rows[0]["measure_key"],
    )
    assert len(drawn.rows) == len(rows) == 25
    students = [[row["trace"] for row in rows if row["model"] == model] for model in ("R1", "R2", "R3")]
    assert bars(trace)["students, α = 0.5"] == [pytest.approx((fmean(values), stdev(values))) for values in students]


def test_what_the_paper_prints_is_open_and_said_to_be_printed(tmp_path: Path) -> None:
    """Table 4 is of ResNet18 on SVHN; where the cells are others there is nothing of it."""
    svhn = made.Made(tmp_path / "made.db")
    own = {"recipe_name": "svhn", "recipe": RECIPES["svhn"], "arch": "resnet18", "dataset": "svhn", "aug": "none"}
    svhn.train(chain(3, alpha=0.5, **own), curvature=True)
    drawn = draw(4, svhn.database(), study="svhn")
    trace, lambda_max = panels(drawn)
    for axes, wanted in ((trace, [197.53, 205.79, 98.62, 271.71]), (lambda_max, [9.24, 11.2, 8.3, 12.873])):
        open_ = [line for line in axes.get_lines() if line.get_markerfacecolor() == "none" and len(line.get_xdata())]
        assert [float(np.asarray(line.get_ydata())[0]) for line in open_] == wanted
        assert {row["printed"] for row in drawn.rows} == {None, "Table 4"}
    assert "Open marks are what the paper prints (Table 4): none of these measurements. Marks are" in drawn.caption


def test_a_single_seed_has_no_bar(paper: Database) -> None:
    keys = [row["key"] for row in paper.rows("SELECT key FROM cells WHERE seed = 0")]
    drawn = draw(4, paper, keys=keys)
    for axes in panels(drawn):
        assert all(np.isnan(spread) for points in bars(axes).values() for _, spread in points)
        assert not dots(axes)
    assert "n = 1 seed;" in drawn.caption


def test_ensembles_stand_at_their_size(paper: Database) -> None:
    drawn = draw(2, paper)
    (axes,) = panels(drawn)
    scratch = [expected(drawn, "top1", origin="trained")]
    scratch += [expected(drawn, "top1", origin="ensemble", size=size) for size in (2, 3, 4)]
    assert bars(axes)["trained from scratch"] == [pytest.approx(point) for point in scratch]
    again = [expected(drawn, "top1", origin="ban", alpha=0.8, size=size) for size in (2, 3, 4)]
    assert bars(axes)["BAN, α = 0.8"] == [pytest.approx(point) for point in again]


def test_students_of_ensembles_stand_at_their_teachers_size(paper: Database) -> None:
    """Of ordinary students only those at an α that some student of an ensemble has."""
    drawn = draw(3, paper)
    (axes,) = panels(drawn)
    students = [expected(drawn, "top1", part="student", size=size, alpha=0.5) for size in (1, 2, 3, 4)]
    assert set(bars(axes)) == {"teacher (ensemble)", "student, α = 0.5"}
    assert bars(axes)["student, α = 0.5"] == [pytest.approx(point) for point in students]


def test_logits_by_round(paper: Database) -> None:
    drawn = draw(6, paper)
    for axes, column in zip(panels(drawn), ("mse", "mse_centred"), strict=True):
        wanted = [expected(drawn, column, model=model, alpha=0.2) for model in ("R1", "R2", "R3")]
        assert bars(axes)["α = 0.2"] == [pytest.approx(point) for point in wanted]


def test_a_density_is_the_gaussians_of_its_nodes(paper: Database) -> None:
    """Against scipy's Gaussian, and it integrates to the weights' sum."""
    from scipy import stats

    from sd.render.figures.spectrum import density, smoothing

    drawn = draw(7, paper)
    rows = [row for row in drawn.rows if row["model"] == "T"]
    sigma = smoothing(drawn.rows)
    at = np.linspace(-5, 90, 20_000)
    ours = density(at, rows, sigma)
    theirs = sum(row["weight"] * stats.norm.pdf(at, row["node"], sigma) for row in rows)
    assert ours == pytest.approx(theirs)
    assert np.trapezoid(ours, at) == pytest.approx(sum(row["weight"] for row in rows), rel=1e-6)
    first = panels(drawn)[0]
    assert first.get_yscale() == "log"
    x, y = first.get_lines()[0].get_data()
    shown = np.asarray(y) > first.get_ylim()[0]
    assert np.asarray(y)[shown] == pytest.approx(density(np.asarray(x)[shown], rows, sigma))


def test_spectra_stand_each_on_a_line_of_its_own_under_one_scale(paper: Database) -> None:
    axes = panels(draw(7, paper))
    assert [one.texts[0].get_text() for one in axes] == ["T, teacher", "SAM", "S1", "T, teacher", "S1", "S2", "S3"]
    assert len({one.get_ylim() for one in axes}) == len({one.get_xlim() for one in axes}) == 1


def test_single_seeds_stand_beside_their_mean_and_within_the_axes(shipped: Database) -> None:
    for axes in [one for number in (3, 4, 6) for one in panels(draw(number, shipped))]:
        low, high = axes.get_ylim()
        beside = [found for found in axes.collections if isinstance(found, PathCollection)]
        assert beside
        for found in beside:
            (x, _), *_ = found.get_offset_transform().transform(found.get_offsets())
            at = axes.transData.transform(found.get_offsets()[0])[0]
            assert x - at > 0.03 * axes.get_figure(root=True).dpi
            values = [float(value) for _, value in found.get_offsets()]
            assert low < min(values) and max(values) < high


def test_of_several_seeds_the_density_is_their_mean(shipped: Database) -> None:
    from sd.render.figures.spectrum import density

    drawn = draw(7, shipped, study="digits")
    rows = [row for row in drawn.rows if row["model"] == "T" and row["label_noise"] == 0]
    keys = sorted({row["key"] for row in rows})
    at = np.linspace(-1, 30, 50)
    each = [density(at, [row for row in rows if row["key"] == key], 0.5) for key in keys]
    assert len(keys) == 5 and density(at, rows, 0.5) == pytest.approx(np.mean(each, axis=0))


def test_the_distribution_rises_to_one_at_the_largest_eigenvalue(paper: Database) -> None:
    drawn = draw(16, paper)
    (axes,) = panels(drawn)
    assert "100 largest" in axes.get_ylabel()
    for line, model in zip(axes.get_lines(), ("T", "R1", "R2", "R3", "SAM"), strict=True):
        values = sorted(row["eigenvalue"] for row in drawn.rows if row["model"] == model)
        assert list(line.get_xdata()) == values  # type: ignore[arg-type]  # an array
        assert list(line.get_ydata()) == pytest.approx(np.arange(1, 101) / 100)  # type: ignore[arg-type]  # an array


def test_surfaces_are_the_points(paper: Database) -> None:
    drawn = draw(14, paper)
    for axes, model in zip(panels(drawn), ("T", "R1", "R2"), strict=True):
        (mesh,) = [found for found in axes.collections if isinstance(found, QuadMesh)]
        rows = sorted((row for row in drawn.rows if row["model"] == model), key=lambda row: (row["y"], row["x"]))
        assert np.asarray(mesh.get_array()).ravel() == pytest.approx([row["loss"] for row in rows])
        assert mesh.norm.vmax == 10
    assert len(drawn.rows) == 3 * 21 * 21 and {row["direction"] for row in drawn.rows} == {0}


def test_contours_have_the_same_levels_for_all_models(paper: Database) -> None:
    drawn = draw(8, paper)
    levels = [tuple(axes.collections[0].levels) for axes in panels(drawn)]  # type: ignore[attr-defined]  # contours
    assert len(set(levels)) == 1 and levels[0][:3] == pytest.approx((0.1, 0.6, 1.1)) and levels[0][-1] < 10


def test_surfaces_in_three_dimensions_share_their_axis(paper: Database) -> None:
    assert {axes.get_zlim() for axes in panels(draw(15, paper))} == {(0.0, 10.0)}  # type: ignore[attr-defined]  # 3-D


def test_a_surface_with_a_hole_is_drawn_with_a_hole(paper: Database) -> None:
    from sd.render.figures.landscape import grid_of

    rows: Sequence[dict[str, Any]] = [{"x": 0.0, "y": 0.0, "loss": 1.0}, {"x": 1.0, "y": 1.0, "loss": float("inf")}]
    _, _, loss = grid_of(rows)
    assert loss[0, 0] == 1 and np.isnan(loss).sum() == 3


def test_robustness_shows_the_testbed_its_line_and_every_student(paper: Database) -> None:
    drawn = draw(9, paper)
    left, right = panels(drawn)
    testbed = [(row["id_top1"], row["ood_top1"]) for row in drawn.rows if row["family"] == "standard"]
    for axes in (left, right):
        (circles,) = [found for found in axes.collections if isinstance(found, PathCollection)]
        assert np.asarray(circles.get_offsets()) == pytest.approx(np.array(testbed))
    students = {
        str(container.get_label()): (container.lines[0].get_xdata()[0], container.lines[0].get_ydata()[0])  # type: ignore[index]  # arrays
        for container in right.containers
        if isinstance(container, ErrorbarContainer)
    }
    for alpha in (0.0, 0.2, 0.5, 0.8):
        (row,) = [row for row in drawn.rows if row["alpha"] == alpha and row["arch"] == "clip_rn50"]
        assert students[f"student S1, α = {alpha:g}"] == (row["id_top1"], row["ood_top1"])
    line = next(line for line in left.get_lines() if line.get_label() == "fit to them")
    x, y = (np.asarray(values, dtype=float) for values in line.get_data())
    inside = (x > 50) & (x < 80)
    assert np.polyfit(np.log(x / (100 - x))[inside], np.log(y / (100 - y))[inside], 1) == pytest.approx(
        np.polyfit(*(np.log(v / (100 - v)) for v in np.array(testbed).T), 1), rel=1e-6
    )


@pytest.mark.parametrize("number", FIGURES)
def test_every_axis_has_a_name(number: int, paper: Database) -> None:
    drawn = draw(number, paper) if number not in (10, 12, 13) else draw(number, paper, study="vgg16")
    for axes in panels(drawn):
        alike = axes.get_shared_x_axes().get_siblings(axes)
        if axes.axison and not any(other.get_xlabel() for other in alike):
            assert all(tick.get_text()[0] in "TS" for tick in axes.get_xticklabels())
        named = any(other.get_ylabel() for other in panels(drawn)) or axes.get_figure(root=False).get_supylabel()
        assert not axes.axison or named
    assert drawn.caption.startswith(f"Figure {number}. ") and "\n" not in drawn.caption and "{{" not in drawn.caption
