"""Figure 9 at its smallest, by the commands of a user: CLIP with random weights teaches on a few images of ImageNet's
formats; teacher and students are scored on ImageNet and ImageNetV2, held against a testbed, and judged."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from published import photograph, publish_clip, saved, write_imagenet

GRID = """
name: smallest
defaults: {dataset: imagenet, aug: none, recipe: clip_student, tau: 1, seeds: 0, rounds: 1, teacher: zero_shot}
cells:
  - {arch: clip_rn50, alpha: [0, 0.5, 1], measure: [robustness, fidelity], epochs: 1, batch_size: 4, precision: fp32}
"""

# In every process that a command starts: two classes instead of a thousand, and one of the text encoder's twelve
# layers, as how deep it is does not matter here.
CATALOGUE = """
import sys
from dataclasses import replace
from sd.plan.catalogue import DATASETS
DATASETS["imagenet"] = replace(DATASETS["imagenet"], classes=2, train=4, test=2)
DATASETS["imagenetv2"] = replace(DATASETS["imagenetv2"], classes=2, test=4)
if any("launch" in word or "spawn" in word for word in sys.orig_argv):  # others need no torch
    from sd.train import zero_shot
    zero_shot._CLASS_NAMES["imagenet"] = ("tench", "goldfish")
    whole = zero_shot.read_clip
    def shallow(arch, pretrained=True):
        clip = whole(arch, pretrained=pretrained)
        del clip.transformer.resblocks[1:]
        return clip
    zero_shot.read_clip = shallow
"""


class Figure:
    """A folder with the data, the weights and the grid, and the commands that are run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "sitecustomize.py").write_text(CATALOGUE)
        (folder / "grid.yaml").write_text(GRID)
        write_imagenet(folder / "data", train=4, val=2)
        for number in range(4):
            place = folder / "data" / "imagenetv2-matched-frequency-format-val" / str(number % 2)
            saved(photograph(50 + number, (240, 230)), place / f"{number}.jpeg")
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "HF_HUB_CACHE": str(folder / "hub"),
            "SD_DATA": str(folder / "data"),
            "OMP_NUM_THREADS": "1",
        }

    def run(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", f"sd.{verb}", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=3600
        )

    def rows(self, statement: str) -> list[Any]:
        with sqlite3.connect(self.folder / "results.db") as connection:
            return connection.execute(statement).fetchall()


def published_models(folder: Path) -> Path:
    """Standard models on a line, by names that are standard ones."""
    lines = ["model,val,imagenetv2-matched-frequency-format-val"]
    for name, x in zip(("alexnet", "resnet18", "resnet50", "vgg11", "vgg16"), np.linspace(-0.4, 1.2, 5), strict=True):
        both = (100 / (1 + np.exp(-logit)) for logit in (x, 0.92 * x - 0.5))
        lines.append(",".join([name, *(f"{value:.3f}" for value in both)]))
    path = folder / "robustness_top1s.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
def test_from_images_to_the_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = Figure(tmp_path)
    with publish_clip("clip_rn50", tmp_path / "hub", monkeypatch):
        absent = figure.run("launch", "grid.yaml", "--local", "--workers", "1")
        assert absent.returncode == 2 and "python -m sd.data prepare imagenet" in absent.stderr, absent
        assert figure.run("data", "prepare", "imagenet").returncode == 0
        absent = figure.run("launch", "grid.yaml", "--local", "--workers", "1")
        assert absent.returncode == 2 and "python -m sd.data prepare imagenetv2" in absent.stderr, absent
        assert figure.run("data", "prepare", "imagenetv2").returncode == 0
        done = figure.run("launch", "grid.yaml", "--local", "--workers", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert figure.rows("SELECT model, alpha, origin FROM cells ORDER BY alpha") == [
        *(("ZS", None, "zero_shot"), ("R1(ZS)", 0.0, "trained"), ("R1(ZS)", 0.5, "trained"), ("R1(ZS)", 1.0, "trained"))
    ]
    scores = figure.rows("SELECT shift, severity, n_samples, COUNT(*) FROM robustness GROUP BY 1, 2, 3 ORDER BY 1")
    assert scores == [("imagenetv2", 0, 4, 4), ("none", 0, 2, 4)]
    differing = "SELECT * FROM robustness r JOIN evaluations e USING (cell_key, checkpoint, split)"
    assert not figure.rows(f"{differing} WHERE r.shift = 'none' AND (r.top1 <> e.top1 OR ABS(r.loss - e.loss) > 1e-5)")

    fidelity = "fidelity f JOIN cells c ON c.key = f.cell_key AND c.teacher_sha256 = f.teacher_sha256"
    taught = f"SELECT f.split, f.n_samples, COUNT(*) FROM {fidelity} GROUP BY 1, 2 ORDER BY 1"
    assert figure.rows(taught) == [("test", 2, 3 * 2), ("train", 4, 3 * 2)]
    of_teacher = "evaluations e ON e.cell_key = c.teacher_key AND e.checkpoint = c.teacher_checkpoint"
    scored = figure.rows(f"SELECT f.teacher_top1, e.top1 FROM {fidelity} JOIN {of_teacher} AND e.split = f.split")
    assert len(scored) == 3 * 2 and all(held == own for held, own in scored)  # it is scored on the test split alone

    assert "5 models, 5 standard" in figure.run("db", "ingest", "--testbed", str(published_models(tmp_path))).stdout
    report = figure.run("report", "grid.yaml").stdout
    assert "ImageNetV2" in report and "Effective robustness" in report and "Zero-shot" in report
    assert "Clean is the accuracy on the 2 test images" in report
    assert len(figure.rows("SELECT * FROM claims_c9")) == 4 and len(figure.rows("SELECT * FROM claims_c10")) == 4
    judged = figure.run("report", "--claims", "grid.yaml")
    assert judged.returncode == 0, judged.stderr
    for claim in ("C9", "C10"):
        told = [line for line in judged.stdout.splitlines() if line.startswith(f"| {claim} ")]
        assert any("ImageNet, recipe clip_student" in line for line in told), judged.stdout
    drawn = figure.run("report", "--figure", "9", "--format", "svg")
    assert drawn.returncode == 0 and (figure.folder / "figure9.svg").exists(), drawn.stderr
    assert "Accuracy on ImageNetV2 (4 images) against accuracy on ImageNet (2 images)" in drawn.stdout
    for path in figure.folder.glob("runs/cells/*/*.pt"):  # 0.15 GB each, which no folder of a finished test should hold
        path.unlink()
