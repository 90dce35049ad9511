"""A data set in memory: images, labels, and how they are normalised and augmented."""

from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from sd.plan.catalogue import DATASETS
from sd.train.datasets.treatment import TREATMENTS
from sd.train.normalisation import Channels, normalise


@dataclass(frozen=True)
class Dataset:
    """A data set as it is held during training.

    Attributes:
        train_images, test_images: uint8, (n, 3, side, side); on the device, or in a read-only memory map of the host.
        train_labels, test_labels: int64, (n,), in [0, classes); on the device.
        mean, std: per channel, of images scaled to [0, 1].
        policy: AutoAugment's policy for it.
        cutout: side of the square that Cutout hides, in pixels (spec H12).
        class_names: what its classes are called, in the order of the labels, for CLIP's zero-shot teachers; may be
            left empty.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int
    mean: Channels
    std: Channels
    policy: str = "cifar10"
    cutout: int = 16
    class_names: tuple[str, ...] = ()

    def to(self, device: torch.device) -> "Dataset":
        """The same data on ``device``; images that would take half of a GPU's free memory or more stay where they are.

        From there they reach the device a batch at a time (``sd.train.datasets.stream``).
        """
        images = [self.train_images, self.test_images]
        if device.type != "cuda" or sum(part.nbytes for part in images) < torch.cuda.mem_get_info(device)[0] / 2:
            images = [part.to(device) for part in images]
        return replace(
            self,
            train_images=images[0],
            train_labels=self.train_labels.to(device),
            test_images=images[1],
            test_labels=self.test_labels.to(device),
        )

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Images and labels of ``"train"`` or ``"test"``."""
        if name == "train":
            return self.train_images, self.train_labels
        return self.test_images, self.test_labels

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 (n, 3, h, w) to float32 with zero mean and unit variance a channel, channels last in memory."""
        return normalise(images, self.mean, self.std)


def assemble(name: str, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> Dataset:
    """The named data set from the images and labels of its splits."""
    return Dataset(*train, *test, classes=DATASETS[name].classes, **asdict(TREATMENTS[name]))
