"""VGG16 for small images, 32×32 or larger: configuration D with batch norm and one linear layer (spec H9)."""

from torch import nn

_CONFIGURATION_D = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def vgg16(classes: int) -> nn.Module:
    """VGG16-BN with a single 512→classes linear layer, 14.73 M parameters with ten classes.

    Images above 32×32 leave more than one place at the end; their features are averaged.

    Reference: ``models/vgg.py`` of kuangliu/pytorch-cifar.
    """
    layers: list[nn.Module] = []
    inputs = 3
    for stage in _CONFIGURATION_D:
        for outputs in stage:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    # One module, so that the names of the weights are those of the reference; at 32×32 there is nothing to average.
    flatten = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, flatten, nn.Linear(512, classes))
