"""A teacher's answers are its own, however they are computed: folded, and looked up where no view is random."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from sd.plan.cell import Cell, Method
from sd.plan.recipe import RECIPES
from sd.train.datasets import Dataset, load
from sd.train.engine import Engine
from sd.train.models import MODELS, build
from sd.train.teacher import Teacher, folded
from sd.train.trainer import Control, Run

CPU = torch.device("cpu")
PLAIN = Engine(bf16=False)


@pytest.fixture(scope="module")
def data() -> Dataset:
    torch.set_num_threads(1)
    return load("digits")


def lived_in(arch: str) -> nn.Module:
    """A network whose batch norms have statistics of their own."""
    torch.manual_seed(0)
    model = build(arch, 10, seed=1).train()
    for _ in range(3):
        model(torch.randn(8, 3, 32, 32) * 2 + 1)
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("arch", ["resnet8", "resnet20", "resnet20_noskip", "resnet18", "vgg16"])
def test_folding_batch_norm_changes_no_answer(arch: str) -> None:
    model = lived_in(arch)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    quick = folded(model)
    assert arch in MODELS and not any(isinstance(module, nn.BatchNorm2d) for module in quick.modules())
    x = torch.randn(4, 3, 32, 32)
    assert torch.allclose(quick(x), model(x), atol=1e-4, rtol=1e-4)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


class Branching(nn.Module):
    """A forward pass that depends on its input, which cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 10, 3), nn.BatchNorm2d(10)

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.norm(self.conv(x)).mean((2, 3))
        return z if x.sum() > 0 else -z


def test_a_model_that_cannot_be_traced_answers_as_it_is() -> None:
    model = Branching().eval()
    assert folded(model) is model


class Tied(nn.Module):
    """One convolution before two norms: folded into the one, it would be wrong for the other."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.first, self.second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.second(self.conv(self.first(self.conv(x))))
        return found


def test_a_layer_that_is_used_twice_or_made_anew_is_not_folded() -> None:
    tied = Tied().eval()
    assert folded(tied) is tied
    weighed = nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)).eval()
    assert folded(weighed) is weighed
    anew = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)).eval()
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(folded(anew)(x), anew(x), atol=1e-5)


def test_answers_are_looked_up_only_where_no_view_is_random(data: Dataset) -> None:
    model = lived_in("resnet8")
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    for aug, looked_up in (("none", True), ("crop", False), ("cutout", False)):
        teacher = Teacher(model, PLAIN, CPU)
        teacher.remember(data, aug)
        handle = teacher._model.register_forward_hook(count)  # type: ignore[attr-defined]  # a module, in eager mode
        rows = torch.tensor([3, 999, 4])
        calls = 0
        found = teacher.logits(data.normalise(data.train_images[rows]), rows)
        assert calls == (0 if looked_up else 1)
        handle.remove()
        assert torch.allclose(found, model(data.normalise(data.train_images[rows])), atol=1e-4)


@pytest.mark.parametrize("method", get_args(Method))
def test_a_student_learns_the_same_from_answers_that_were_looked_up(
    method: Method, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPES["digits"].model_copy(update={"epochs": 2})
    first = Cell("resnet8", "digits", "none", 0.0, "digits", recipe, "sgd", 0, 0)
    student = replace(first, round=1, alpha=0.2, tau=4.0, teacher_checkpoint="last", teacher=first, method=method)
    ends = []
    for remembers in (True, False):
        if not remembers:
            monkeypatch.setattr(Teacher, "remember", lambda *_: None)
        run = Run(student, data, lived_in("resnet8"), folder=tmp_path / str(remembers), device=CPU, control=Control())
        run.one_epoch()
        run.one_epoch()
        ends.append(run.state.history[-1].train_loss)
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)
