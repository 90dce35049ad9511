"""The architectures that a grid can name, and how to add one."""

from collections.abc import Callable

import torch
from torch import nn

from sd import BadInput
from sd.plan.catalogue import architecture
from sd.train.models.clip_resnet import clip_rn50, clip_rn101
from sd.train.models.forward_cost import forward_gflop
from sd.train.models.pretrained import load_pretrained
from sd.train.models.resnet18 import resnet18
from sd.train.models.resnet_cifar import resnet8, resnet20, resnet20_noskip
from sd.train.models.resnet_he import resnet20_he
from sd.train.models.timm_model import timm_config, timm_model, vit_b32, vit_s32
from sd.train.models.twice_differentiable import twice_differentiable
from sd.train.models.vgg import vgg16
from sd.train.normalisation import CLIP
from sd.train.own import own_model
from sd.train.randomness import derive

__all__ = [
    "MODELS",
    "build",
    "check_architecture",
    "forward_gflop",
    "normalisation",
    "resnet20_he",
    "try_on",
    "twice_differentiable",
]

MODELS: dict[str, Callable[[int], nn.Module]] = {
    "resnet8": resnet8,
    "resnet20": resnet20,
    "resnet20_noskip": resnet20_noskip,
    "resnet20_he": resnet20_he,
    "resnet18": resnet18,
    "vgg16": vgg16,
    "vit_s32": vit_s32,
    "vit_b32": vit_b32,
    "clip_rn50": clip_rn50,
    "clip_rn101": clip_rn101,
}

_HALF = (0.5, 0.5, 0.5)

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of each channel, of images scaled to [0, 1]."""

_NORMALISATIONS: dict[str, Normalisation] = {
    "vit_s32": (_HALF, _HALF),
    "vit_b32": (_HALF, _HALF),
    "clip_rn50": CLIP,
    "clip_rn101": CLIP,
}


def build(arch: str, classes: int, *, seed: int = 0, round_: int = 0, pretrained: bool = False) -> nn.Module:
    """A freshly initialised model on the CPU, in train mode, float32.

    The initial weights are a function of ``seed`` and ``round_`` alone: a student starts from weights of its own,
    never from its teacher's (spec H26), and T and SAM of one seed start from the same ones. With ``pretrained`` only
    the head is drawn, and all else is the published weights, the same for every model (H13). Torch's global random
    state is left as it was.

    Args:
        arch: a name of :data:`MODELS`, ``timm:NAME``, or ``module:function`` of the user's own.

    Raises:
        BadInput: an unknown name, a user's function that fails, or weights that are not there.
    """
    architecture(arch)  # refuses what is no name of an architecture at all
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "init", round_))
        model = _made(arch, classes)
        if pretrained:
            load_pretrained(model, arch)
    return model.train()


def _made(arch: str, classes: int) -> nn.Module:
    if arch in MODELS:
        return MODELS[arch](classes)
    if arch.startswith("timm:"):
        return timm_model(arch.removeprefix("timm:"), classes)
    return own_model(arch, classes)


def normalisation(arch: str) -> Normalisation | None:
    """How an architecture wants its images normalised: as its published weights saw them; ``None``: as the data set."""
    if arch.startswith("timm:"):
        cfg = timm_config(arch.removeprefix("timm:"))
        return (tuple(cfg.mean), tuple(cfg.std)) if cfg else None
    return _NORMALISATIONS.get(arch)


def check_architecture(arch: str, classes: int, side: int) -> None:
    """Build a model and try it on two images of ``side``×``side`` pixels.

    Raises:
        BadInput: it cannot be built, or its output is not (n, classes) numbers.
    """
    try_on(build(arch, classes), arch, classes, side)


def try_on(model: nn.Module, arch: str, classes: int, side: int) -> None:
    """Try a model of an architecture on two images of ``side``×``side`` pixels; it is left in eval mode.

    Raises:
        BadInput: it fails, or its output is not (n, classes) numbers.
    """
    model.eval()
    images = torch.zeros(2, 3, side, side)
    try:
        with torch.no_grad():
            logits = model(images)
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BadInput(f"{arch}: fails on images {tuple(images.shape)} ({said})") from error
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if shape != (2, classes):
        wanted = f"(n, classes), here (2, {classes})"
        raise BadInput(f"{arch}: gives {shape} for images {tuple(images.shape)}; it should give {wanted}")
