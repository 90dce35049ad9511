"""What is done is not done again; what is gone is made again only where something needs it."""

import shutil
from pathlib import Path

from study import GRID, Study


def copy_of(study: Study, folder: Path) -> Study:
    shutil.copytree(study.folder, folder, dirs_exist_ok=True)
    return Study(folder)


def test_the_second_time_nothing_is_run(undisturbed: Study) -> None:
    before = undisturbed.facts()
    again = undisturbed.launch()
    assert again.returncode == 0
    assert "3 cells, 3 done, 0 to run" in again.stdout
    assert undisturbed.facts() == before


def test_a_larger_grid_runs_only_the_new_cells(tmp_path: Path, undisturbed: Study) -> None:
    study = copy_of(undisturbed, tmp_path / "larger")
    (study.folder / "grid.yaml").write_text(GRID.replace("rounds: 1", "rounds: 2"))
    done = study.launch()
    assert "4 cells, 3 done, 1 to run" in done.stdout
    assert undisturbed.facts().items() <= study.facts().items()


def test_facts_without_checkpoints_are_not_trained_again(tmp_path: Path, undisturbed: Study) -> None:
    """A database from another machine: everything is known, nothing can teach, nothing has to."""
    study = Study(tmp_path)
    shutil.copy(undisturbed.folder / "results.db", tmp_path)
    done = study.launch()
    assert "3 cells, 3 done, 0 to run" in done.stdout
    assert not (tmp_path / "runs" / "cells").exists()


def test_a_teacher_without_a_checkpoint_is_trained_again_for_a_student_that_needs_it(
    tmp_path: Path, undisturbed: Study
) -> None:
    """R2 is missing and R1's checkpoint is gone, and so is its teacher's: both are trained again, to the same bits."""
    study = Study(tmp_path, GRID.replace("rounds: 1", "rounds: 2"))
    shutil.copy(undisturbed.folder / "results.db", tmp_path)
    done = study.launch()
    assert "4 cells, 3 done, 3 to run" in done.stdout
    assert "2 of them have facts but no checkpoint here" in done.stdout
    assert "differs" not in done.stdout
    assert done.returncode == 0, done.stderr
    assert not any("SAM" in label for label in study.facts())


def test_facts_that_come_out_differently_are_reported_and_stored(tmp_path: Path, undisturbed: Study) -> None:
    """The old accuracy in the database is changed by hand, as if it came from another machine."""
    import sqlite3

    study = Study(tmp_path, GRID.replace("rounds: 1", "rounds: 2"))
    shutil.copy(undisturbed.folder / "results.db", tmp_path)
    with sqlite3.connect(tmp_path / "results.db") as connection:
        connection.execute("UPDATE evaluations SET top1 = 1.25 WHERE split = 'test' AND checkpoint = 'last'")
    done = study.launch()
    assert "last on test: 1.25 % before" in done.stdout
    with sqlite3.connect(tmp_path / "results.db") as connection:
        rows = connection.execute("SELECT checkpoint, split, top1_before FROM discrepancies").fetchall()
    assert set(rows) == {("last", "test", 1.25)}
    (tmp_path / "results.db").unlink()
    assert study.run("db", "rebuild").returncode == 0
    with sqlite3.connect(tmp_path / "results.db") as connection:
        assert connection.execute("SELECT checkpoint, split, top1_before FROM discrepancies").fetchall() == rows


def test_a_new_measure_is_taken_of_a_trained_cell_without_training_it(tmp_path: Path, undisturbed: Study) -> None:
    study = copy_of(undisturbed, tmp_path / "measured")
    (study.folder / "grid.yaml").write_text(GRID.replace("probes: 2", "probes: 3"))
    hashes = {path: path.stat().st_mtime_ns for path in study.folder.glob("runs/cells/*/*.pt")}
    assert study.launch().returncode == 0
    assert {path: path.stat().st_mtime_ns for path in study.folder.glob("runs/cells/*/*.pt")} == hashes
    assert len(study.records("curvature")) == 6


def test_the_database_made_again_gives_the_same_report(tmp_path: Path, undisturbed: Study) -> None:
    study = copy_of(undisturbed, tmp_path / "rebuilt")
    formats = ("md", "tex", "html", "csv")
    before = [study.run("report", "grid.yaml", "--format", name).stdout for name in formats]
    (study.folder / "results.db").unlink()
    assert study.run("db", "rebuild").returncode == 0
    assert [study.run("report", "grid.yaml", "--format", name).stdout for name in formats] == before
