"""AutoAugment (Cubuk et al., 2019) on a batch, where it lies: each image draws its own sub-policy, signs, applications.

The policies are torchvision's, and so is the way of drawing (``torchvision.transforms.AutoAugment`` of a PIL image):
one of 25 sub-policies, uniformly; of each of its two operations whether it is applied, with its probability, and the
sign of its amount. Operations are equal to Pillow's bit for bit (``sd.train.pixels``).
"""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from sd.train import pixels

BINS = 10

_SHEAR = torch.linspace(0.0, 0.3, BINS).tolist()
_ROTATE = torch.linspace(0.0, 30.0, BINS).tolist()
_ENHANCE = torch.linspace(0.0, 0.9, BINS).tolist()
_SOLARIZE = torch.linspace(255.0, 0.0, BINS).tolist()
_POSTERIZE = (8 - (torch.arange(BINS) / ((BINS - 1) / 4)).round().int()).tolist()

GEOMETRIC = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
ENHANCING = ("Brightness", "Contrast", "Color", "Sharpness")
OPERATIONS = (*GEOMETRIC, *ENHANCING, "Posterize", "Solarize", "AutoContrast", "Equalize", "Invert")
"""The names of torchvision, in an order of our own; :func:`apply` takes their places in it."""

_PLACE = {name: place for place, name in enumerate(OPERATIONS)}


def autoaugment(images: Tensor, policy: str, generator: torch.Generator) -> Tensor:
    """Augment uint8 (n, 3, h, w) by the policy ``cifar10``, ``svhn`` or ``imagenet``.

    All draws come from the CPU, seeded by ``generator``'s seed, so that they are the same on every device, and no
    device is waited for.
    """
    operations, _, bins = _policy(policy)
    drawn = draw(policy, len(images), draws_on_the_cpu(generator))
    for stage in range(2):
        operation = operations[drawn.sub_policy, stage].where(drawn.applied[:, stage], torch.tensor(-1))
        images = apply(images, operation, bins[drawn.sub_policy, stage], drawn.negative[:, stage])
    return images


def draws_on_the_cpu(generator: torch.Generator) -> torch.Generator:
    """A generator on the CPU that is a function of the given one's seed alone."""
    return torch.Generator().manual_seed((generator.initial_seed() + 1) % 2**63)


@dataclass(frozen=True)
class Drawn:
    """What n images drew: a sub-policy (n,), and of its two operations (n, 2) which are applied and which negative."""

    sub_policy: Tensor
    applied: Tensor
    negative: Tensor


def draw(policy: str, n: int, generator: torch.Generator) -> Drawn:
    """Draw for n images, from a generator on the CPU."""
    _, chances, _ = _policy(policy)
    chosen = torch.randint(len(chances), (n,), generator=generator)
    applied = torch.rand((n, 2), generator=generator) <= chances[chosen]
    return Drawn(chosen, applied, torch.randint(2, (n, 2), generator=generator) == 0)


def apply(images: Tensor, operation: Tensor, magnitude: Tensor, negative: Tensor) -> Tensor:
    """Apply to each image an operation of its own.

    Args:
        operation: int64 (n,) on the CPU, places in :data:`OPERATIONS`; −1 leaves the image as it is.
        magnitude: int64 (n,) on the CPU, in [0, 10); without meaning for operations that have no amount.
        negative: bool (n,) on the CPU, whether a signed amount is negative.
    """
    device = images.device
    result = images.clone(memory_format=torch.contiguous_format)
    level = magnitude + BINS * negative

    def of(names: tuple[str, ...]) -> Tensor:
        return torch.isin(operation, torch.tensor([_PLACE[name] for name in names])).nonzero().squeeze(1)

    rows = of(GEOMETRIC)
    if len(rows):
        matrices = _matrices(*images.shape[2:])[operation[rows], level[rows]].to(device, non_blocking=True)
        there = rows.to(device, non_blocking=True)
        result[there] = pixels.affine(images[there], matrices)
    for name, kernel in (("Color", pixels.colour), ("Sharpness", pixels.sharpness)):
        rows = of((name,))
        if len(rows):
            there = rows.to(device, non_blocking=True)
            result[there] = kernel(images[there], _factors()[level[rows]].to(device, non_blocking=True))
    rows = of(_BY_TABLE)
    if len(rows):
        there = rows.to(device, non_blocking=True)
        inside = images[there]
        result[there] = pixels.lookup(inside, _tables(inside, operation[rows], magnitude[rows], level[rows]))
    return result


_BY_TABLE = ("Brightness", "Contrast", "Posterize", "Solarize", "AutoContrast", "Equalize", "Invert")


def _tables(images: Tensor, operation: Tensor, magnitude: Tensor, level: Tensor) -> Tensor:
    """The table of each image: uint8 (n, 3, 256)."""
    device = images.device
    tables = torch.empty(len(images), 3, 256, dtype=torch.uint8, device=device)
    for name in _BY_TABLE:
        rows = (operation == _PLACE[name]).nonzero().squeeze(1)
        if not len(rows):
            continue
        there = rows.to(device, non_blocking=True)
        if name == "Brightness":
            made = pixels.brightness_table(_factors()[level[rows]].to(device, non_blocking=True))
        elif name == "Contrast":
            made = pixels.contrast_table(images[there], _factors()[level[rows]].to(device, non_blocking=True))
        elif name == "Posterize":
            made = pixels.posterize_table(torch.tensor(_POSTERIZE)[magnitude[rows]].to(device, non_blocking=True))
        elif name == "Solarize":
            made = pixels.solarize_table(torch.tensor(_SOLARIZE)[magnitude[rows]].to(device, non_blocking=True))
        elif name == "AutoContrast":
            made = pixels.autocontrast_table(images[there])
        elif name == "Equalize":
            made = pixels.equalize_table(images[there])
        else:
            made = pixels.invert_table(len(rows), device)
        tables[there] = made
    return tables


@cache
def _factors() -> Tensor:
    """float32 (20,): what images are blended with, by level: positive amounts first."""
    return torch.tensor([1.0 + amount for amount in _ENHANCE] + [1.0 - amount for amount in _ENHANCE])


@cache
def _matrices(height: int, width: int) -> Tensor:
    """int64 (5, 20, 6): what :func:`sd.train.pixels.affine` takes, by geometric operation and level."""
    found = []
    for name in GEOMETRIC:
        for sign in (1, -1):
            amounts = [sign * amount for amount in _amounts(name, height, width)]
            found += [pixels.fixed_point(_matrix(name, amount, height, width)) for amount in amounts]
    return torch.tensor(found).view(len(GEOMETRIC), 2 * BINS, 6)


def _amounts(name: str, height: int, width: int) -> list[float]:
    if name == "Rotate":
        return _ROTATE
    if name.startswith("Shear"):
        return _SHEAR
    size = width if name == "TranslateX" else height
    return torch.linspace(0.0, 150.0 / 331.0 * size, BINS).tolist()


def _matrix(name: str, amount: float, height: int, width: int) -> tuple[float, float, float, float, float, float]:
    """The inverse matrix that torchvision gives Pillow: shears about the corner, rotations about the centre."""
    if name == "TranslateX":
        return 1.0, 0.0, -float(int(amount)), 0.0, 1.0, 0.0
    if name == "TranslateY":
        return 1.0, 0.0, 0.0, 0.0, 1.0, -float(int(amount))
    if name == "ShearX":
        return 1.0, math.tan(math.atan(amount)), 0.0, 0.0, 1.0, 0.0
    if name == "ShearY":
        return 1.0, 0.0, 0.0, math.tan(math.atan(amount)), 1.0, 0.0
    return rotation(amount, height, width)


def rotation(degrees: float, height: int, width: int) -> tuple[float, float, float, float, float, float]:
    """The inverse matrix of ``PIL.Image.rotate``, about the centre."""
    angle = -math.radians(degrees % 360.0)
    a, b = round(math.cos(angle), 15), round(math.sin(angle), 15)
    x, y = width / 2, height / 2
    return a, b, -x * a - y * b + x, -b, a, x * b - y * a + y


@cache
def _policy(name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Of each sub-policy and its two operations: places in :data:`OPERATIONS`, chances, and bins of the amount."""
    from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy

    pairs = AutoAugment(AutoAugmentPolicy(name)).policies
    operations = torch.tensor([[_PLACE[operation] for operation, _, _ in pair] for pair in pairs])
    chances = torch.tensor([[chance for _, chance, _ in pair] for pair in pairs])
    bins = torch.tensor([[bin_ or 0 for _, _, bin_ in pair] for pair in pairs])
    return operations, chances, bins
