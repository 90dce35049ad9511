"""What a grid may name: architectures, data sets and augmentations, with the facts that planning needs of them.

The functions behind the names are in ``sd/train`` (a test holds the two lists together); they are apart because a plan
must be made in well under a second, without torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Architecture:
    """An architecture's name in print and its forward cost.

    ``forward_gflop`` is GFLOP (2 per multiply-add) an image at 32×32, counted with ``torch.utils.flop_counter``
    (a test counts them again).
    """

    title: str
    forward_gflop: float


@dataclass(frozen=True)
class Dataset:
    """A data set's name in print, its number of classes, the sizes of its training and test split, whether it comes
    with the libraries (``bundled``) or must be fetched, and the height and width of its images in pixels (``side``).

    A training split of 0 images says that it is for evaluation only.
    """

    title: str
    classes: int
    train: int
    test: int
    bundled: bool = False
    side: int = 32


ARCHITECTURES = {
    "resnet8": Architecture("ResNet8", 0.000454),
    "resnet20": Architecture("ResNet20", 0.0826),
    "resnet20_noskip": Architecture("ResNet20 w/o skip connections", 0.0816),
    "resnet18": Architecture("ResNet18", 1.1108),
    "vgg16": Architecture("VGG16", 0.6263),
}

DATASETS = {
    "digits": Dataset("Digits", 10, 1_000, 797, bundled=True),
    "cifar10": Dataset("CIFAR-10", 10, 50_000, 10_000),
    "cifar100": Dataset("CIFAR-100", 100, 50_000, 10_000),
    "svhn": Dataset("SVHN", 10, 73_257, 26_032),
    "tiny_imagenet": Dataset("Tiny-ImageNet", 200, 100_000, 10_000, side=64),
    "imagenet": Dataset("ImageNet", 1000, 1_281_167, 50_000, side=224),
    "imagenetv2": Dataset("ImageNetV2", 1000, 0, 10_000, side=224),
}

# none: as stored. crop: out of a border of zeros, 4 pixels wide at 32×32 (for digits, which a flip would change into
# something else). std: crop and horizontal flip, the paper's "Data Aug. No" (spec H11). crop_rotate: crop and rotation,
# for Tiny-ImageNet (H18). cutout: std and Cutout. aa_cutout: std, AutoAugment and Cutout, the paper's "Yes" (H12).
AUGMENTATIONS = {
    "none": "None",
    "crop": "Crop",
    "std": "No",
    "crop_rotate": "Crop, rotation",
    "cutout": "Cutout",
    "aa_cutout": "Yes",
}


def printed(arch: str, dataset: str, aug: str) -> tuple[str, str, str]:
    """Architecture, data set and augmentation as the paper prints them."""
    return ARCHITECTURES[arch].title, DATASETS[dataset].title, AUGMENTATIONS[aug]


def nearest(name: object, known: Iterable[str]) -> str:
    """A hint that completes «… is not known»: the closest known name if there is one, then all of them."""
    names = list(known)
    close = get_close_matches(str(name), names, n=1, cutoff=0.5)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}known: {', '.join(names)}"
