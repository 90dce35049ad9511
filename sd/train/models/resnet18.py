"""ResNet18 with the stem for 32×32 images: 3×3 convolution of stride 1 and no max-pool (spec H8)."""

from torch import nn


def resnet18(classes: int) -> nn.Module:
    """ResNet18 for small images, 11.17 M parameters with ten classes; torchvision's network under another stem.

    Reference: the ResNet18 of uoguelph-mlrg/Cutout and kuangliu/pytorch-cifar, which this equals layer by layer.
    """
    from torchvision.models import (
        resnet18 as torchvision_resnet18,
    )  # here, because importing torchvision takes a second

    model: nn.Module = torchvision_resnet18(weights=None, num_classes=classes)
    model.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    model.maxpool = nn.Identity()
    return model
