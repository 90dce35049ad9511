"""What a model's robustness is measured under: corruptions of the test images, and natural test sets of other origin.

The functions behind the names are in ``sd.measure.corruptions`` (a test holds the two lists together); they are apart
because a plan must be made without torch.
"""

from typing import Literal, get_args

Corruption = Literal[
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "speckle_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "gaussian_blur",
    "brightness",
    "contrast",
    "saturate",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
]
"""A corruption of CIFAR-10-C (Hendrycks & Dietterich 2019): all but snow, frost, fog and spatter."""

CORRUPTIONS: tuple[Corruption, ...] = get_args(Corruption)

FAMILIES: dict[str, tuple[Corruption, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "gaussian_blur"),
    "digital": ("brightness", "contrast", "saturate", "elastic_transform", "pixelate", "jpeg_compression"),
}
"""The published families; of its weather only the brightness is there, which stands with the digital ones."""

Severity = Literal[1, 2, 3, 4, 5]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

Natural = Literal["cifar10.1", "cifar10.1_v4", "imagenetv2"]
"""A test set that was collected anew for the classes of another data set."""

Shift = Corruption | Natural

NO_SHIFT = "none"
"""What the test set as it is goes by, beside its shifts."""

NATURAL: dict[Natural, str] = {"cifar10.1": "cifar10", "cifar10.1_v4": "cifar10", "imagenetv2": "imagenet"}
"""The data set whose cells each natural test set is for."""
