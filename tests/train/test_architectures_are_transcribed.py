"""Each architecture gives the logits of a transcription of its reference in bare torch functions, weight by weight.

The transcriptions take nothing but a list of tensors in the order in which the reference makes its layers, so that a
missing activation, a stride in another place or a shortcut too many would show. References: ``models/vgg.py`` of
kuangliu/pytorch-cifar, ``cifar10/models/resnet.py`` of tomgoldstein/loss-landscape, ``model/resnet.py`` of
uoguelph-mlrg/Cutout, ``resnet.py`` of akamaster/pytorch_resnet_cifar10.
"""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.train.models import build

EXACT = {
    "resnet18": 11_173_962,
    "vgg16": 14_728_266,
    "resnet20": 272_474,
    "resnet20_noskip": 269_722,
    "resnet20_he": 269_722,
}


class Weights:
    """A model's tensors, taken one layer after the other."""

    def __init__(self, model: nn.Module) -> None:
        layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.Linear)]
        self.layers: Iterator[nn.Module] = iter(layers)
        self.training = model.training

    def tensors(self, kind: type[nn.Module]) -> dict[str, Tensor]:
        layer = next(self.layers)
        assert type(layer) is kind, f"a {kind.__name__} was due and {layer} came"
        return layer.state_dict()

    def conv(self, x: Tensor, stride: int = 1) -> Tensor:
        own = self.tensors(nn.Conv2d)
        return F.conv2d(x, own["weight"], own.get("bias"), stride, own["weight"].shape[-1] // 2)

    def norm(self, x: Tensor) -> Tensor:
        own = self.tensors(nn.BatchNorm2d)
        mean, variance = own["running_mean"], own["running_var"]
        if self.training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        column = (slice(None), None, None)
        centred = (x - mean[column]) / (variance[column] + 1e-5).sqrt()
        return centred * own["weight"][column] + own["bias"][column]

    def linear(self, x: Tensor) -> Tensor:
        own = self.tensors(nn.Linear)
        return x @ own["weight"].T + own["bias"]


def option_a(x: Tensor) -> Tensor:
    """He et al.'s shortcut where a stage begins: every other pixel, between two blocks of zero channels."""
    small = x[:, :, ::2, ::2]
    zeros = torch.zeros_like(small)[:, : x.shape[1] // 2]
    return torch.cat([zeros, small, zeros], dim=1)


def block(w: Weights, x: Tensor, stride: int, *, widen: bool, skip: bool = True, pad: bool = False) -> Tensor:
    out = w.norm(w.conv(x, stride)).relu()
    out = w.norm(w.conv(out))
    if not skip:
        return out.relu()
    if pad and widen:
        return (out + option_a(x)).relu()
    return (out + (w.norm(w.conv(x, stride)) if widen else x)).relu()


def resnet(
    w: Weights, x: Tensor, stages: list[tuple[int, int]], *, stem: int = 1, skip: bool = True, pad: bool = False
) -> Tensor:
    """``stages``: (blocks, stride of the first). The first stage keeps the stem's width."""
    x = w.norm(w.conv(x, stem)).relu()
    for stage, (blocks, stride) in enumerate(stages):
        for index in range(blocks):
            first = index == 0
            x = block(w, x, stride if first else 1, widen=first and stage > 0, skip=skip, pad=pad)
    return w.linear(x.flatten(2).mean(2))


def vgg(w: Weights, x: Tensor) -> Tensor:
    for number in (2, 2, 3, 3, 3):
        for _ in range(number):
            x = w.norm(w.conv(x)).relu()
        x = F.max_pool2d(x, 2, 2)
    return w.linear(F.avg_pool2d(x, 1, 1).flatten(1))


LI_2018 = [(3, 1), (3, 2), (3, 2)]
REFERENCES: dict[str, Callable[[Weights, Tensor], Tensor]] = {
    "resnet18": lambda w, x: resnet(w, x, [(2, 1), (2, 2), (2, 2), (2, 2)]),
    "vgg16": vgg,
    "resnet20": lambda w, x: resnet(w, x, LI_2018),
    "resnet20_noskip": lambda w, x: resnet(w, x, LI_2018, skip=False),
    "resnet20_he": lambda w, x: resnet(w, x, LI_2018, pad=True),
    "resnet8": lambda w, x: resnet(w, x, [(1, 1), (1, 2), (1, 2)], stem=4),
}


def with_statistics(arch: str, classes: int) -> nn.Module:
    """A model in float64 whose batch-norm layers hold statistics and weights that are not the initial 0 and 1."""
    torch.manual_seed(1)
    model = build(arch, classes).double()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
            nn.init.normal_(layer.weight, 1, 0.2)
            nn.init.normal_(layer.bias, 0, 0.2)
    return model


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("arch", REFERENCES)
def test_logits_are_those_of_the_transcription(arch: str, training: bool) -> None:
    torch.set_num_threads(1)
    model = with_statistics(arch, 10).train(training)
    weights, images = Weights(model), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        expected = REFERENCES[arch](weights, images)
        assert torch.allclose(model(images), expected, rtol=1e-8, atol=1e-8)
    assert next(weights.layers, None) is None, "a layer that the reference does not have"


@pytest.mark.parametrize("arch", EXACT)
def test_parameters_are_exactly_those_of_the_reference(arch: str) -> None:
    """10 and 100 classes: only the last layer grows, by its width and a bias for each class."""
    sizes = [sum(p.numel() for p in build(arch, classes).parameters()) for classes in (10, 100)]
    width = {"resnet18": 512, "vgg16": 512}.get(arch, 64)
    assert sizes == [EXACT[arch], EXACT[arch] + 90 * (width + 1)]


def test_a_student_starts_from_other_weights_than_its_teacher() -> None:
    """No tensor that is drawn is the same in two rounds, or in two seeds (spec H26)."""
    models = [
        build("resnet20", 10, seed=seed, round_=round_) for seed, round_ in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1))
    ]
    for name, first in models[0].named_parameters():
        if "bn" in name or "shortcut.1" in name:
            continue  # ones and zeros in every model
        drawn = [model.get_parameter(name).detach().flatten() for model in models]
        assert len({tuple(tensor.tolist()) for tensor in drawn}) == len(models), name
        assert first.std() > 0
