"""Curvature and loss surfaces of cells: as facts in the database, and when the job that takes them is stopped."""

import signal
import sqlite3
from pathlib import Path
from typing import Any

import torch
from study import GRID, Study, wait_for
from torch import nn
from torch.nn import functional as F

from sd.measure.scratch import Scratch
from sd.measure.take import Subject, take
from sd.measure.watch import Watch
from sd.plan.measure import Landscape
from sd.train.datasets import load
from sd.train.models import build

BOTH = GRID.replace(
    "measure: [curvature], curvature: {samples: 20, probes: 2, steps: 3, splits: [train]}",
    "measure: [curvature, landscape], curvature: {samples: 20, steps: 12, top: 3, checkpoints: [last]},\n"
    "     landscape: {samples: 20, points: 3, seeds: [0, 7], splits: [test]}",
)
LINE = BOTH.replace("seeds: [0, 7]", "directions: teacher")
BESIDE = GRID.replace(
    "measure: [curvature], curvature: {samples: 20, probes: 2, steps: 3, splits: [train]}", "measure: [fidelity]"
)
LONG = GRID.replace("samples: 20, probes: 2, steps: 3", "samples: 300, steps: 150, checkpoints: [last]")


def count(study: Study, table: str, where: str = "1 = 1") -> int:
    with sqlite3.connect(study.folder / "results.db") as connection:
        found: int = connection.execute(f"SELECT COUNT(*) FROM {table} WHERE {where}").fetchone()[0]
    return found


def test_what_is_measured_is_in_the_database_once(tmp_path: Path) -> None:
    study = Study(tmp_path / "both", BOTH)
    assert study.launch().returncode == 0
    rows = {
        "curvature": 3 * 2,
        "eigenvalues": 3 * 2 * 3,
        "spectra": 3 * 2 * 12,
        "landscapes": 3 * 2,
        "landscape_points": 3 * 2 * 9,
    }
    assert {table: count(study, table) for table in rows} == rows
    assert count(study, "curvature", "lambda_max >= lambda_min AND trace_stderr >= 0 AND sharpness > 0") == 6
    assert (
        count(study, "landscape_points p JOIN landscapes USING (cell_key, measure_key, checkpoint, split, seed)") == 54
    )
    assert not list(study.folder.glob("runs/cells/*/*.partial"))
    assert "3 done, 0 to run" in study.launch().stdout
    (study.folder / "results.db").unlink()
    assert study.run("db", "rebuild").returncode == 0
    assert {table: count(study, table) for table in rows} == rows


def test_the_line_to_the_teacher_is_of_students_alone(tmp_path: Path) -> None:
    study = Study(tmp_path / "line", LINE)
    assert study.launch().returncode == 0
    assert (
        count(study, "landscapes", "teacher_sha256 IS NOT NULL AND norm_y IS NULL") == count(study, "landscapes") == 1
    )
    assert count(study, "landscape_points", "y = 0") == 3
    assert count(study, "landscapes", "statistics = 'recomputed'") == 1
    assert "3 done, 0 to run" in study.launch().stdout


def test_a_student_is_held_against_the_checkpoint_that_taught_it(tmp_path: Path) -> None:
    study = Study(tmp_path / "beside", BESIDE)
    assert study.launch().returncode == 0
    assert count(study, "fidelity") == 2 * 2  # the student's two checkpoints, on both splits
    taught = "fidelity f JOIN cells c ON c.key = f.cell_key AND c.teacher_sha256 = f.teacher_sha256 AND c.model = 'R1'"
    scored = "JOIN evaluations e ON e.cell_key = f.cell_key AND e.checkpoint = f.checkpoint AND e.split = f.split"
    assert count(study, f"{taught} {scored}", "e.top1 = f.student_top1 AND e.n_samples = f.n_samples") == 4
    scored = "JOIN evaluations e ON e.cell_key = c.teacher_key AND e.checkpoint = 'best_test' AND e.split = f.split"
    assert count(study, f"{taught} {scored}", "e.top1 = f.teacher_top1 AND kl > kl_tau AND mse > mse_centred") == 4
    assert "3 done, 0 to run" in study.launch().stdout


def test_the_line_ends_at_the_teacher_unless_the_students_statistics_are_kept() -> None:
    line = Landscape(directions="teacher")
    assert line.statistics == "recomputed" and Landscape(**line.model_dump()).key == line.key
    assert Landscape(directions="teacher", statistics="kept").statistics == Landscape().statistics == "kept"
    torch.set_num_threads(1)
    data = load("digits")
    images, labels = data.normalise(data.train_images[:300]), data.train_labels[:300]

    def trained(seed: int) -> nn.Module:
        model = build("resnet8", 10, seed=seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        for _ in range(3):
            for x, y in zip(images.split(50), labels.split(50), strict=True):
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
        return model.eval()

    student, teacher = trained(0), trained(1)
    with torch.no_grad():
        own = float(F.cross_entropy(teacher(images), labels))
    ends = []
    for statistics in ("kept", "recomputed"):
        measure = Landscape(directions="teacher", points=13, span=0.8, statistics=statistics)
        rows = take(measure, Subject(student, images, labels, teacher), Scratch(None), Watch())["landscape_points"]
        ends.append(next(row["loss"] for row in rows if abs(row["x"] - 1) < 1e-9))
    assert abs(ends[1] - own) < abs(ends[0] - own) / 3


def numbers(study: Study) -> list[Any]:
    with sqlite3.connect(study.folder / "results.db") as connection:
        first = "SELECT cell_key, trace, lambda_max, lambda_min, relative_trace FROM curvature ORDER BY 1"
        return [connection.execute(q).fetchall() for q in (first, "SELECT * FROM spectra ORDER BY 1, 2, 3, 4, 5")]


def test_a_measure_that_is_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = Study(tmp_path / "whole", LONG)
    assert whole.launch().returncode == 0
    study = Study(tmp_path / "stopped", LONG)
    process = study.start()
    wait_for(lambda: list(study.folder.glob("runs/cells/*/*.partial/*/trace.json")))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert list(study.folder.glob("runs/cells/*/*.partial/*/*.json"))  # the trace, and Lanczos' state if it had begun
    assert study.launch().returncode == 0
    assert numbers(study) == numbers(whole)
    assert not list(study.folder.glob("runs/cells/*/*.partial"))
