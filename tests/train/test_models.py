"""The architectures are the ones that the paper's numbers belong to."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sd.plan.catalogue import ARCHITECTURES, AUGMENTATIONS, DATASETS
from sd.train.augment import AUGMENT
from sd.train.datasets import LOADERS, load
from sd.train.models import MODELS, build, forward_gflop


def parameters(arch: str) -> int:
    return sum(p.numel() for p in build(arch, 10).parameters())


@pytest.mark.parametrize(
    ("arch", "millions"), [("resnet18", 11.17), ("vgg16", 14.73), ("resnet20", 0.27), ("resnet20_noskip", 0.27)]
)
def test_parameters_are_those_of_spec_h8_to_h10(arch: str, millions: float) -> None:
    assert round(parameters(arch) / 1e6, 2) == millions


def test_what_a_grid_may_name_is_what_can_be_trained() -> None:
    assert list(MODELS) == list(ARCHITECTURES)
    assert list(LOADERS) == list(DATASETS)
    assert list(AUGMENT) == list(AUGMENTATIONS)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_forward_cost_is_counted_again(arch: str) -> None:
    known = ARCHITECTURES[arch]
    assert forward_gflop(build(arch, 10), known.size or 32) == pytest.approx(known.forward_gflop, rel=0.02)


@pytest.mark.parametrize(
    ("arch", "gflop"), [("resnet18", 4.444), ("vgg16", 4 * 0.6264), ("resnet20", 4 * 0.0816), ("vit_s32", 2.285)]
)
def test_images_of_64_pixels_cost_as_much_as_is_planned(arch: str, gflop: float) -> None:
    """Tiny-ImageNet's: four times as much (spec section 5), but for what resizes its images to 224 pixels anyway."""
    assert forward_gflop(build(arch, 10), 64) == pytest.approx(gflop, rel=1e-3)
    assert build(arch, 10).eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 10)


class PlainBlock(nn.Module):
    """kuangliu/pytorch-cifar's BasicBlock, written here again from its description."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class PlainResNet18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64)
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        stages = [nn.Sequential(PlainBlock(a, b, s), PlainBlock(b, b, 1)) for a, b, s in widths]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.linear = nn.Linear(512, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(F.avg_pool2d(x, 4).flatten(1))


def test_resnet18_is_the_one_for_small_images() -> None:
    """The same weights in an independent transcription give the same logits."""
    ours, plain = build("resnet18", 10).eval(), PlainResNet18().eval()
    renamed = {n.replace("downsample", "shortcut").replace("fc.", "linear."): t for n, t in ours.state_dict().items()}
    plain.load_state_dict(renamed)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(ours(x), plain(x), atol=1e-5)


def test_without_skip_there_is_no_shortcut() -> None:
    names = dict(build("resnet20_noskip", 10).named_parameters())
    assert not any("shortcut" in name for name in names)
    assert any("shortcut" in name for name in dict(build("resnet20", 10).named_parameters()))


def test_initial_weights_are_a_function_of_seed_and_round_alone() -> None:
    state = torch.random.get_rng_state()
    first, again = build("resnet20", 10, seed=1, round_=2), build("resnet20", 10, seed=1, round_=2)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    for other in (build("resnet20", 10, seed=2, round_=2), build("resnet20", 10, seed=1, round_=1)):
        assert not torch.equal(first.get_parameter("conv1.weight"), other.get_parameter("conv1.weight"))


def test_digits_are_real_stratified_and_fixed() -> None:
    data = load("digits")
    assert data.train_images.shape == (1000, 3, 32, 32) and data.test_images.shape == (797, 3, 32, 32)
    assert data.train_images.dtype == torch.uint8
    counts = torch.bincount(data.train_labels) / 1000 - torch.bincount(data.test_labels) / 797
    assert counts.abs().max() < 0.002
    assert torch.equal(load("digits").train_labels, data.train_labels)
    train = {tuple(image.flatten().tolist()) for image in data.train_images[:, 0]}
    assert not train & {tuple(image.flatten().tolist()) for image in data.test_images[:, 0]}
    pixels = data.normalise(data.train_images)
    assert abs(float(pixels.mean())) < 1e-3 and abs(float(pixels.std()) - 1) < 1e-3
