"""How the images of each data set are normalised and augmented."""

from dataclasses import dataclass

from sd.train.normalisation import CLIP, Channels


@dataclass(frozen=True)
class Treatment:
    """Channel means and deviations of images scaled to [0, 1], AutoAugment's policy, and Cutout's side in pixels."""

    mean: Channels
    std: Channels
    policy: str
    cutout: int


# CLIP's own preprocessing, which Section 7 of the paper feeds teacher and student with (spec H21).
_CLIP = Treatment(*CLIP, "imagenet", 112)

# CIFAR-10's mean is that of the DARTS recipe (spec 3.1), the others are the usual ones of the training splits. Cutout's
# lengths: 16 and 8 on CIFAR are spec H12; 20 on SVHN is the Cutout paper's (DeVries & Taylor, 2017), there with the
# extra images; for the larger images, which no source covers, half of the side, as on CIFAR-10.
_CIFAR10 = Treatment((0.49139968, 0.48215827, 0.44653124), (0.24703233, 0.24348505, 0.26158768), "cifar10", 16)
TREATMENTS = {
    "cifar10": _CIFAR10,
    "cifar100": Treatment((0.5070752, 0.4865490, 0.4409179), (0.2673344, 0.2564384, 0.2761505), "cifar10", 8),
    "svhn": Treatment((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970), "svhn", 20),
    "cifar10.1": _CIFAR10,
    "cifar10.1_v4": _CIFAR10,
    "tiny_imagenet": Treatment((0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821), "imagenet", 32),
    "imagenet": _CLIP,
    "imagenetv2": _CLIP,
}
