"""Published models are taken in as their files have them, and the line through the standard ones is the published."""

import csv
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import SyntheticRoot, chain

from sd import BadInput
from sd.render.claims.robustness import Line
from sd.render.testbed import told
from sd.store.database import open_database
from sd.store.rebuild import rebuild_database
from sd.store.record import find_records
from sd.store.testbed import read_testbed

IMAGENET = (
    "model,greyscale,val,imagenetv2-matched-frequency-format-val\n"
    "resnet50,1,76.13,63.21\nresnet101,,77.37,65.45\nresnet50_aws_baseline,1,75.9,63.2\nalexnet,1,56.5,43.9\n"
    "resnet50_clip_zeroshot,1,59.81,52.53\nresnet18_50k_9_epochs,1,30.5,22.2\nnobody_knows,1,70.5,60.2\nvgg11,1,69.0,\n"
)
CIFAR = "model,cifar10_test_acc,cifar10.1_v4_acc,cifar10.1_v6_acc\na,97.11,92.97,93.1\nb,90.0,80.5,81.5\n"
TIMM = (
    "model,img_size,crop_pct,interpolation,param_count,top1_val,top1_v2\n"
    "resnet50.a1_in1k,224,0.95,bicubic,25.56,80.2,68.7\nresnet50.a1_in1k,288,1.0,bicubic,25.56,81.2,69.9\n"
    'vit.laion2b_ft_in1k,224,1.0,bicubic,"1,014.45",88.2,79.1\nefficientnet.ap_in1k,224,1.0,bicubic,5,77.1,65.0\n'
)


def written(folder: Path, text: str) -> Path:
    path = folder / "models.csv"
    path.write_text(text)
    return path


def test_families_are_those_of_the_testbeds_own_plots(tmp_path: Path) -> None:
    path = written(tmp_path, IMAGENET)
    found = {it.name: it for it in read_testbed(path)}
    assert {name: it.family for name, it in found.items()} == {
        **dict.fromkeys(("resnet50", "resnet101", "alexnet"), "standard"),
        "resnet50_aws_baseline": "standard_subset",
        "resnet50_clip_zeroshot": "more_data",
        "resnet18_50k_9_epochs": "low_accuracy_cnn",
        "nobody_knows": "unknown",
    }
    one = found["resnet101"]
    assert (one.testbed, one.id_top1, one.ood_top1) == ("imagenet_v2", 77.37, 65.45)
    assert one.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_cifar101_has_both_versions(tmp_path: Path) -> None:
    found = read_testbed(written(tmp_path, CIFAR))
    assert [(it.testbed, it.name, it.id_top1, it.ood_top1, it.family) for it in found] == [
        ("cifar10.1", "a", 97.11, 93.1, "standard"),
        ("cifar10.1_v4", "a", 97.11, 92.97, "standard"),
        ("cifar10.1", "b", 90.0, 81.5, "standard"),
        ("cifar10.1_v4", "b", 90.0, 80.5, "standard"),
    ]


def test_timms_models_are_told_apart_by_how_they_see_an_image(tmp_path: Path) -> None:
    found = {it.name: it.family for it in read_testbed(written(tmp_path, TIMM))}
    assert found == {
        "resnet50.a1_in1k 224 0.95 bicubic": "standard",
        "resnet50.a1_in1k 288 1.0 bicubic": "standard",
        "vit.laion2b_ft_in1k 224 1.0 bicubic": "more_data",
        "efficientnet.ap_in1k 224 1.0 bicubic": "intervention",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"has the columns \(none\); a testbed has model, val, "),
        ("model,top1\na,5\n", "has the columns model, top1; a testbed has "),
        (CIFAR.replace("81.5", "0.815e4"), r":3: cifar10.1_v6_acc: '0.815e4' is not an accuracy in percent"),
        (CIFAR.replace("97.11", "good"), r":2: cifar10_test_acc: 'good' is not an accuracy"),
        (CIFAR.replace("b,90", "a,90"), ":3: a is there twice"),
        (CIFAR.splitlines()[0] + "\n", "has no model with both accuracies"),
    ],
)
def test_what_is_no_testbed_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said) as refused:
        read_testbed(written(tmp_path, text))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none.csv: cannot be read as a CSV file"):
        read_testbed(tmp_path / "none.csv")


def test_another_file_takes_the_place_of_the_one_before_and_a_rebuilt_database_keeps_it(
    synthetic: SyntheticRoot, tmp_path: Path
) -> None:
    synthetic.train(chain()[0])
    path = str(tmp_path / "results.db")
    database = open_database(path, create=True)
    database.ingest(find_records(synthetic.root))
    for text in (IMAGENET, CIFAR, TIMM):
        database.take_testbed(read_testbed(written(tmp_path, text)))
    counts = "SELECT testbed, COUNT(*) AS n FROM testbeds GROUP BY testbed ORDER BY testbed"
    expected = {"cifar10.1": 2, "cifar10.1_v4": 2, "imagenet_v2": 4}
    assert {row["testbed"]: row["n"] for row in database.rows(counts)} == expected
    database.close()
    rebuild_database(path, synthetic.root)
    assert {row["testbed"]: row["n"] for row in open_database(path).rows(counts)} == expected


def test_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sd.db", "ingest", "--testbed", str(written(tmp_path, IMAGENET))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("imagenet_v2: 7 models, 3 standard; line: slope 0.897"), done
    wrong = subprocess.run([*command[:-1], "none.csv"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1


def published(name: str) -> Path:
    folder = os.environ.get("SD_TESTBEDS")
    if not folder:
        pytest.skip("SD_TESTBEDS is not set")
    return Path(folder) / name


@pytest.mark.testbeds
def test_the_published_line_and_clips_distance_from_it() -> None:
    """Spec H23, computed there with numpy on its own."""
    models = {it.name: it for it in read_testbed(published("imagenet_testbed_val_vs_v2.csv"))}
    standard = [it for it in models.values() if it.family == "standard"]
    line = Line.through([it.id_top1 for it in standard], [it.ood_top1 for it in standard])
    assert (line.n, round(line.slope, 4), round(line.intercept, 4), round(line.r_squared, 3)) == (
        *(85, 0.9232, -0.4977, 0.996),
    )
    beyond = {
        name: round(models[name].ood_top1 - line.expected(models[name].id_top1), 2)
        for name in ("resnet50_clip_zeroshot", "resnet50", "resnet101")
    }
    assert beyond == {"resnet50_clip_zeroshot": 5.79, "resnet50": -0.74, "resnet101": 0.03}


@pytest.mark.testbeds
@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "imagenet_testbed_val_vs_v2.csv",
            ["imagenet_v2: 335 models, 85 standard; line: slope 0.923, intercept -0.498"],
        ),
        (
            "cifar10_vs_cifar10.1_30models.csv",
            [
                "cifar10.1: 30 models, 30 standard; line: slope 0.839, intercept -0.472",
                "cifar10.1_v4: 30 models, 30 standard; line: slope 0.838, intercept -0.496",
            ],
        ),
        ("timm_val_vs_v2.csv", ["imagenet_v2: 1,556 models, 1,127 standard; line: slope 0.908, intercept -0.476"]),
    ],
)
def test_each_published_file_is_told_with_its_line(name: str, said: list[str], tmp_path: Path) -> None:
    """And scipy's fit of the same columns is the same line."""
    from scipy.special import logit
    from scipy.stats import linregress

    models = read_testbed(Path(shutil.copy(published(name), tmp_path)))
    lines = list(told(models))
    assert [line.rpartition(" (logits)")[0] for line in lines] == said
    with (tmp_path / name).open(newline="") as file:
        assert len({it.name for it in models}) == len(list(csv.DictReader(file)))
    standard = [it for it in models if it.family == "standard" and it.testbed == models[0].testbed]
    fit = linregress(*(logit([getattr(it, column) / 100 for it in standard]) for column in ("id_top1", "ood_top1")))
    assert f"slope {fit.slope:.3f}, intercept {fit.intercept:.3f} (logits), R² {fit.rvalue**2:.3f}" in lines[0]
