"""ResNets for 32×32 images with three stages, as in Li et al. (2018), with and without skip connections.

Reference: ``cifar10/models/resnet.py`` of tomgoldstein/loss-landscape (``ResNet_cifar``: convolutional shortcuts;
``BasicBlock_noshortcut``), spec H10.
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

Shortcut = Callable[[int, int, int], nn.Module]
"""What makes the shortcut of a block that changes its input: of (input channels, output channels, stride)."""


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a shortcut around them unless ``shortcut`` is ``None``."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, shortcut: Shortcut | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = shortcut and (nn.Identity() if same else shortcut(inputs, outputs, stride))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        if self.shortcut is not None:
            out += self.shortcut(x)
        return F.relu(out, inplace=True)


def convolution(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The shortcut of Li et al.: a 1×1 convolution and batch norm."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNetCifar(nn.Module):
    """Stem, three stages of ``blocks`` basic blocks, global average, one linear layer: 6·blocks + 2 layers."""

    def __init__(
        self,
        classes: int,
        *,
        blocks: int,
        width: int,
        shortcut: Shortcut | None = convolution,
        stem: nn.Conv2d | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = stem or nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, blocks, 1, shortcut=shortcut)
        self.layer2 = _stage(width, 2 * width, blocks, 2, shortcut=shortcut)
        self.layer3 = _stage(2 * width, 4 * width, blocks, 2, shortcut=shortcut)
        self.linear = nn.Linear(4 * width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.linear(x.mean(dim=(2, 3)))
        return logits


def _stage(inputs: int, outputs: int, blocks: int, stride: int, *, shortcut: Shortcut | None) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride, shortcut=shortcut)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1, shortcut=shortcut) for _ in range(blocks - 1)))


def resnet8(classes: int) -> nn.Module:
    """A small ResNet (8 layers, 8/16/32 channels, 0.02 M parameters) for the demonstration on digits.

    Its stem is a 5×5 convolution of stride 4, because the digits are 8×8 images enlarged to 32×32: six times the
    images a second of a stride-1 stem, at no loss of information.
    """
    return ResNetCifar(classes, blocks=1, width=8, stem=nn.Conv2d(3, 8, 5, 4, 2, bias=False))


def resnet20(classes: int) -> nn.Module:
    """ResNet20 with convolutional shortcuts: 0.27 M parameters."""
    return ResNetCifar(classes, blocks=3, width=16)


def resnet20_noskip(classes: int) -> nn.Module:
    """ResNet20 without skip connections: 0.27 M parameters."""
    return ResNetCifar(classes, blocks=3, width=16, shortcut=None)
