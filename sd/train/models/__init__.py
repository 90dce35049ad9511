"""The architectures that a grid can name, and how to add one."""

from collections.abc import Callable

import torch
from torch import nn

from sd import BadInput
from sd.plan.catalogue import nearest
from sd.train.models.resnet18 import resnet18
from sd.train.models.resnet_cifar import resnet8, resnet20, resnet20_noskip
from sd.train.models.vgg import vgg16
from sd.train.randomness import derive

MODELS: dict[str, Callable[[int], nn.Module]] = {
    "resnet8": resnet8,
    "resnet20": resnet20,
    "resnet20_noskip": resnet20_noskip,
    "resnet18": resnet18,
    "vgg16": vgg16,
}


def build(arch: str, classes: int, *, seed: int = 0, round_: int = 0) -> nn.Module:
    """A freshly initialised model on the CPU, in train mode, float32.

    The initial weights are a function of ``seed`` and ``round_`` alone: a student starts from weights of its own,
    never from its teacher's (spec H26), and T and SAM of one seed start from the same ones. Torch's global random
    state is left as it was.
    """
    if arch not in MODELS:
        raise BadInput(f"{arch!r} is not a known architecture; {nearest(arch, MODELS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "init", round_))
        return MODELS[arch](classes)
