"""What a grid may name: architectures, data sets and augmentations, with the facts that planning needs of them.

The functions behind the names are in ``sd/train`` (a test holds the two lists together); they are apart because a plan
must be made in well under a second, without torch. For the same reason only the form of ``timm:NAME`` and of
``module:function``, a user's own, is looked at here; ``sd.launch`` tries them before anything is begun.
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from sd import BadInput


@dataclass(frozen=True)
class Architecture:
    """An architecture's name in print, its forward cost, and what it starts from.

    Attributes:
        forward_gflop: GFLOP (2 per multiply-add) an image, at ``size`` or else at 32×32, counted with
            ``torch.utils.flop_counter`` (a test counts them again); ``None``: not known before it is built.
        size: the side in pixels to which it resizes its images; ``None``: it takes them as they are.
        pretrained: whether there are published weights of it to start from.
        zero_shot: whether CLIP's text encoder makes a classifier of it without training.
    """

    title: str
    forward_gflop: float | None
    size: int | None = None
    pretrained: bool = False
    zero_shot: bool = False


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


@dataclass(frozen=True)
class OwnDataset:
    """A data set that a user brings along: nothing is known of it before it is read."""

    title: str
    bundled: bool = False


ARCHITECTURES = {
    "resnet8": Architecture("ResNet8", 0.000454),
    "resnet20": Architecture("ResNet20", 0.0826),
    "resnet20_noskip": Architecture("ResNet20 w/o skip connections", 0.0816),
    "resnet20_he": Architecture("ResNet20 (He et al.)", 0.0816),
    "resnet18": Architecture("ResNet18", 1.1108),
    "vgg16": Architecture("VGG16", 0.6263),
    "vit_s32": Architecture("ViT-S/32", 2.2851, size=224, pretrained=True),
    "vit_b32": Architecture("ViT-B/32", 8.8169, size=224, pretrained=True),
    "clip_rn50": Architecture("CLIP-RN50", 11.5863, size=224, pretrained=True, zero_shot=True),
    "clip_rn101": Architecture("CLIP-RN101", 19.0087, size=224, pretrained=True, zero_shot=True),
}

DATASETS = {
    "digits": Dataset("Digits", 10, 1_000, 797, bundled=True),
    "cifar10": Dataset("CIFAR-10", 10, 50_000, 10_000),
    "cifar100": Dataset("CIFAR-100", 100, 50_000, 10_000),
    "svhn": Dataset("SVHN", 10, 73_257, 26_032),
    "cifar10.1": Dataset("CIFAR-10.1", 10, 0, 2_000),
    "cifar10.1_v4": Dataset("CIFAR-10.1 v4", 10, 0, 2_021),
    "tiny_imagenet": Dataset("Tiny-ImageNet", 200, 100_000, 10_000, side=64),
    "imagenet": Dataset("ImageNet", 1000, 1_281_167, 50_000, side=224),
    "imagenetv2": Dataset("ImageNetV2", 1000, 0, 10_000, side=224),
}

TESTBED = "imagenet_testbed"
"""The published table of accuracies that can be fetched beside the data sets."""

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


_TIMM = re.compile(r"timm:[A-Za-z0-9][\w.-]*")
_OWN = re.compile(r"(?!timm:)[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def architecture(name: str) -> Architecture:
    """The facts of an architecture; of ``timm:NAME`` and of a user's own ``module:function`` little is known.

    Raises:
        BadInput: it is neither one of those nor known.
    """
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    if _TIMM.fullmatch(name):
        return Architecture(name.removeprefix("timm:"), None, pretrained=True)
    if is_own(name):
        return Architecture(name, None)
    raise BadInput(f"{name!r} is not a known architecture; {architecture_hint(name)}")


def dataset(name: str) -> Dataset | OwnDataset:
    """The facts of a data set; of a user's own ``module:function`` none are known.

    Raises:
        BadInput: it is neither such a name nor known.
    """
    if name in DATASETS:
        return DATASETS[name]
    if is_own(name):
        return OwnDataset(name)
    raise BadInput(f"{name!r} is not a known data set; {dataset_hint(name)}")


def is_own(name: str) -> bool:
    """Whether a name has the form ``module:function``, of what users bring along.

    Python's own modules are not theirs: ``shutil:rmtree`` would be called with the folder of data sets.
    """
    return bool(_OWN.fullmatch(name)) and name.partition(":")[0].partition(".")[0] not in sys.stdlib_module_names


def architecture_hint(name: object) -> str:
    """What could be meant by an architecture that is not known."""
    return f"{nearest(name, ARCHITECTURES)}; or timm:NAME, or module:function of your own"


def dataset_hint(name: object) -> str:
    """What could be meant by a data set that is not known."""
    return f"{nearest(name, DATASETS)}; or module:function of your own"


def printed(arch: str, data: str, aug: str) -> tuple[str, str, str]:
    """Architecture, data set and augmentation as the paper prints them."""
    return architecture(arch).title, dataset(data).title, AUGMENTATIONS[aug]


def nearest(name: object, known: Iterable[str]) -> str:
    """A hint that completes «… is not known»: the closest known name if there is one, then all of them."""
    names = list(known)
    close = get_close_matches(str(name), names, n=1, cutoff=0.5)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}known: {', '.join(names)}"
