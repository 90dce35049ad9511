"""A user's own architectures and data sets, and timm's: what is taken, and the one line on what cannot be."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from sd import BadInput
from sd.train.datasets import load
from sd.train.models import build, check_architecture, forward_gflop

MODULE = """
import torch
from torch import nn
from sd.train.datasets import Dataset

def mlp(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, classes))

def failing(classes):
    raise ValueError("no such depth\\nsecond line")

def text(classes):
    return "a model"

def eleven(classes):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(11))

def pair(classes):
    class Two(nn.Module):
        def forward(self, x):
            return x, x
    return Two()

def data(change=lambda d: None):
    d = dict(train_images=torch.zeros(6, 3, 16, 16, dtype=torch.uint8), train_labels=torch.arange(6) % 3,
             test_images=torch.zeros(4, 3, 16, 16, dtype=torch.uint8), test_labels=torch.arange(4) % 3,
             classes=3, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    change(d)
    return Dataset(**d)

def sketches(root):
    return data()

def grey(root):
    return data(lambda d: d.update(train_images=d["train_images"][:, :1]))

def floats(root):
    return data(lambda d: d.update(test_images=d["test_images"].float()))

def fewer(root):
    return data(lambda d: d.update(test_labels=d["test_labels"][:2]))

def beyond(root):
    return data(lambda d: d.update(classes=2))

def flat(root):
    return data(lambda d: d.update(std=(0.2, 0.0, 0.2)))

def single(root):
    return data(lambda d: d.update(mean=0.5))

def strange(root):
    return data(lambda d: d.update(policy="cifar"))

def missing(root):
    return (root / "sketches.npy").read_bytes()
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_things.py").write_text(MODULE)
    (tmp_path / "my_broken.py").write_text("import nothing_of_that_name\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_things", raising=False)
    return tmp_path


def test_an_own_architecture_is_built_from_seed_and_round() -> None:
    first, again, other = (build("my_things:mlp", 3, seed=1, round_=n) for n in (0, 0, 1))
    assert torch.equal(first[1].weight, again[1].weight) and not torch.equal(first[1].weight, other[1].weight)
    check_architecture("my_things:mlp", 3, 16)
    assert forward_gflop(first, 16) == 2 * 3 * 16 * 16 * 3 / 1e9


def test_an_own_data_set_is_loaded() -> None:
    data = load("my_things:sketches")
    assert data.classes == 3 and data.train_images.shape == (6, 3, 16, 16)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_thing:mlp", "module my_thing cannot be imported (ModuleNotFoundError: No module named 'my_thing'); put"),
        ("my_broken:mlp", "(ModuleNotFoundError: No module named 'nothing_of_that_name')"),
        ("my_things:mlpp", "module my_things has no function 'mlpp'; did you mean 'mlp'? known: "),
        ("my_things:failing", "raised ValueError: no such depth; called as failing(3)"),
        ("my_things:text", "returned a str; an architecture's function returns a torch.nn.Module"),
        ("my_things:eleven", "gives (2, 11) for images (2, 3, 16, 16); it should give (n, classes), here (2, 3)"),
        ("my_things:pair", "gives tuple for images"),
        ("timm:resnt50", "is no model of timm"),
        ("timm:resnt50", "did you mean timm:resnet50"),
        ("timm:test_vit.r16", "did you mean timm:test_vit.r160_in1k"),
    ],
)
def test_an_architecture_that_cannot_be_taken_is_one_line(name: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_architecture(name, 3, 16)
    assert said in str(refused.value) and name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_images_that_do_not_fit_are_named() -> None:
    with pytest.raises(BadInput, match=r"my_things:mlp: fails on images \(2, 3, 32, 32\) \(RuntimeError: .*mat1"):
        check_architecture("my_things:mlp", 3, 32)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("text", "returned a str; a data set's function returns a sd.train.datasets.Dataset"),
        ("grey", "its train images are torch.uint8 (6, 1, 16, 16); they should be torch.uint8 (n, 3, h, w)"),
        ("floats", "its test images are torch.float32"),
        ("fewer", "its test labels are torch.int64 (2,); they should be torch.int64 (4,)"),
        ("beyond", "its train labels go from 0 to 2; they should be in [0, 2), its classes"),
        ("flat", "its mean and std do not normalise its images"),
        ("single", "its mean and std do not normalise its images"),
        ("strange", "policy 'cifar', cutout 16 cannot be used; policy is one of cifar10, svhn, imagenet"),
        ("missing", "raised FileNotFoundError"),
    ],
)
def test_a_data_set_that_cannot_be_taken_is_one_line(function: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        load(f"my_things:{function}")
    assert str(refused.value).startswith(f"my_things:{function}: ") and said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_of_timm_is_tried_at_the_size_of_its_images() -> None:
    check_architecture("timm:test_resnet", 3, 32)
    assert isinstance(build("timm:test_resnet", 3), nn.Module)
