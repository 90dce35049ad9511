"""Elastic deformation, coarser pixels, and JPEG."""

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from sd.measure.corruptions import separable
from sd.measure.corruptions.draws import Draws


def elastic_transform(x: Tensor, severity: int, draws: Draws) -> Tensor:
    """A random affine map that moves three points of the image, then a random smooth field of displacements.

    Both sample linearly, the first mirrored at the centre of the border pixels, the second at their edge. Lengths are
    fractions of the side, as published. OpenCV 3, which made the published files, rounded the places of the affine map
    to 1/32 of a pixel; here they are exact.
    """
    n, _, side = *x.shape[:2], x.shape[-1]
    shift, sigma, jitter = ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03))[
        severity - 1
    ]
    drawn = draws.uniform(6 + 2 * side * side) * 2 - 1
    points, fields = drawn[:, :6].view(n, 3, 2) * jitter * side, drawn[:, 6:].view(n, 2, side, side)
    x = _sampled(x, *affine_places(points, side), mirrored="centre")
    if shift:
        fields = separable.apply(separable.gaussian(side, sigma * side, 3.0, "reflect"), fields)
    at = torch.arange(side, dtype=torch.float64, device=x.device)
    across, down = (fields * shift * side).unbind(1)
    return _sampled(x, at + across, at[:, None] + down, mirrored="edge").clamp_(0, 1).mul_(255)


def affine_places(moves: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Where each pixel comes from, (n, side, side) each: x and y, when three points of the image move by ``moves``.

    Args:
        moves: float64 (n, 3, 2), x and y in pixels, of the points to the lower right, upper right and upper left of the
            centre, a third of the side away from it.
    """
    centre, arm = side // 2, side // 3
    before = torch.tensor([[1, 1], [1, -1], [-1, -1]], dtype=torch.float64, device=moves.device) * arm + centre
    after = torch.cat([before + moves, torch.ones_like(moves[..., :1])], dim=2)
    back = torch.linalg.solve(after, before.expand_as(moves))
    at = torch.arange(side, dtype=torch.float64, device=moves.device)
    grid = torch.stack([at.expand(side, side), at[:, None].expand(side, side), torch.ones_like(at).expand(side, side)])
    across, down = torch.einsum("kij,nkd->dnij", grid, back)
    return across, down


def pixelate(x: Tensor, severity: int, _: Draws) -> Tensor:
    """Made smaller and as large as before, by Pillow's ``BOX``, which rounds after each direction."""
    fraction = (0.95, 0.90, 0.85, 0.75, 0.65)[severity - 1]
    side = x.shape[-1]
    small = int(side * fraction)
    pixels = (x * 255).round_()
    for before, after in ((side, small), (small, side)):
        along = torch.from_numpy(separable.box(before, after)).to(x.device)
        pixels = (pixels @ along.T + 0.5).floor_()
        pixels = (along @ pixels + 0.5).floor_()
    return pixels


def jpeg_compression(x: Tensor, severity: int, _: Draws) -> Tensor:
    """Written and read as JPEG, chroma at half the resolution, by Pillow and so on the CPU: another codec rounds
    otherwise."""
    quality = (80, 65, 58, 50, 40)[severity - 1]
    pixels = (x * 255).round_().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    read = torch.from_numpy(np.stack([_as_jpeg(one, quality) for one in pixels]))
    return read.permute(0, 3, 1, 2).to(x)


def _as_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)


def _sampled(x: Tensor, across: Tensor, down: Tensor, *, mirrored: str) -> Tensor:
    """The images at these places, (n, side, side) in pixels, linearly between pixels."""
    side = x.shape[-1]
    places = torch.stack(torch.broadcast_tensors(across, down), dim=-1)
    corners = mirrored == "centre"
    scaled = places * 2 / (side - 1) - 1 if corners else (places + 0.5) * 2 / side - 1
    return F.grid_sample(x, scaled, mode="bilinear", padding_mode="reflection", align_corners=corners)
