"""``python -m sd.evaluate``: the score of a weight file, checked on one of our own whose score is known otherwise."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sd import BadInput
from sd.evaluate import app
from sd.train.datasets import load
from sd.train.models import build

ON_DIGITS = ["he.th", "--arch", "resnet20_he", "--dataset", "digits"]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    state = {f"module.{name}": tensor for name, tensor in build("resnet20_he", 10, seed=1).state_dict().items()}
    torch.save({"state_dict": state, "best_prec1": 10.0}, tmp_path / "he.th")
    return tmp_path / "he.th"


@pytest.mark.parametrize("normalised", [(), ("--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225")])
def test_the_score_is_that_of_the_model_by_hand(
    normalised: tuple[str, ...], weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app([str(weights), "--arch", "resnet20_he", "--dataset", "digits", *normalised], standalone_mode=False)
    said = capsys.readouterr().out
    data = load("digits")
    mean, std = (data.mean, data.std) if not normalised else ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    column = (1, 3, 1, 1)
    pixels = (data.test_images / 255 - torch.tensor(mean).view(column)) / torch.tensor(std).view(column)
    with torch.no_grad():
        logits = build("resnet20_he", 10, seed=1).eval()(pixels)
    right = (logits.argmax(1) == data.test_labels).float().mean() * 100
    loss = torch.nn.functional.cross_entropy(logits, data.test_labels)
    assert re.search(
        rf"^top1 {right:.2f} %  top5 \d+\.\d\d %  loss {loss:.4f}  ece \d\.\d{{4}}  brier \d\.\d{{4}}  n 797$", said
    )


def test_the_training_split_can_be_asked_for(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--arch", "resnet20_he", "--dataset", "digits", "--split", "train"]
    app([str(weights), *arguments], standalone_mode=False)
    assert capsys.readouterr().out.rstrip().endswith("n 1,000")


def test_a_mistake_ends_with_exit_code_2_and_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sd.evaluate", "none.th", "--arch", "resnet20_he", "--dataset", "digits"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr == "none.th: cannot be read (No such file or directory); give a file of weights by torch.save\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["he.th", "--arch", "resnet20", "--dataset", "digits"],
            "he.th: is not of resnet20: it lacks layer2.0.shortcut",
        ),
        (
            ["he.th", "--arch", "resnet2O", "--dataset", "digits"],
            "'resnet2O' is not a known architecture; did you mean",
        ),
        (["he.th", "--arch", "resnet20_he", "--dataset", "digit"], "'digit' is not a known data set; did you mean"),
        (
            ["he.th", "--arch", "resnet20_he", "--dataset", "digits", "--mean", "0,0,0"],
            "--mean and --std belong together",
        ),
        (
            ["he.th", "--arch", "resnet20_he", "--dataset", "digits", "--mean", "1", "--std", "1,1,1"],
            "--mean: '1' is not three numbers",
        ),
        (["he.th", "--arch", "resnet20_he", "--dataset", "digits", "--split", "val"], "--split: 'val' is not a split"),
        ([*ON_DIGITS, "--device", "gpu"], "--device: 'gpu' is not a device; give cpu, cuda or cuda:N"),
        ([*ON_DIGITS, "--device", "cuda:99"], "--device cuda:99: torch finds"),
        ([*ON_DIGITS, "--mean", "", "--std", ""], "--mean: '' is not three numbers"),
        ([*ON_DIGITS, "--mean", "nan,0,0", "--std", "1,1,1"], "--mean: 'nan,0,0' is not three numbers"),
        ([*ON_DIGITS, "--mean", "0,0,0", "--std", "1,0,1"], "--std: '1,0,1' holds a deviation that is not above 0"),
    ],
)
def test_what_cannot_be_scored_is_one_line(
    arguments: list[str], said: str, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(weights.parent)
    with pytest.raises(BadInput) as refused:
        app(arguments, standalone_mode=False)
    assert said in str(refused.value) and "\n" not in str(refused.value)
