"""ResNet20 as He et al. (2016) have it for CIFAR-10: shortcuts without parameters, for published weight files."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from sd.train.models.resnet_cifar import ResNetCifar


class PaddedShortcut(nn.Module):
    """Option A: every ``stride``-th pixel each way; the new channels are zero, half of them on either side."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.border = stride, (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.border, self.border))


def resnet20_he(classes: int) -> nn.Module:
    """ResNet20 with option-A shortcuts, 269,722 parameters with ten classes; also loads names that begin ``module.``.

    Reference: ``resnet.py`` of akamaster/pytorch_resnet_cifar10, whose weight files fit it name by name (they were
    saved from ``DataParallel``, hence the prefix); the initial weights are that file's, too.
    """
    model = ResNetCifar(classes, blocks=3, width=16, shortcut=PaddedShortcut)
    nn.init.kaiming_normal_(model.linear.weight)
    model.register_load_state_dict_pre_hook(_without_module)  # type: ignore[no-untyped-call]  # torch does not type it
    return model


def _without_module(_: nn.Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
    """Take ``module.`` off the names, in place (``load_state_dict`` hands over a copy of its own)."""
    for name in [name for name in state if name.startswith(f"{prefix}module.")]:
        state[prefix + name.removeprefix(f"{prefix}module.")] = state.pop(name)
