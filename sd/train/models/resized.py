"""A model of one input size, for images of any: they are resized on the device, inside its forward pass."""

from torch import Tensor, nn
from torch.nn import functional as F


def resize(images: Tensor, size: int) -> Tensor:
    """(n, 3, h, w) to (n, 3, size, size), bicubic; images of that size come back as they are.

    With antialiasing, which widens the kernel where images shrink and, where they grow, makes torch take the kernel
    (a = −0.5) of Pillow's BICUBIC, through which the published weights saw their images; unlike Pillow, nothing is
    rounded or clipped to the pixels' range. It is linear in the images, so it may follow the normalisation.
    """
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bicubic", antialias=True)


class Resized(nn.Module):
    """``model`` behind :func:`resize`; its weights are named ``model.…``."""

    def __init__(self, model: nn.Module, size: int) -> None:
        super().__init__()
        self.model, self.size = model, size

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(resize(x, self.size))
        return logits
