"""Networks whose whole Hessian can be written out, trained a little on real digits."""

from unittest import mock

import torch
from torch import Tensor, nn
from torch.func import functional_call, hessian
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from sd.train.datasets import load


class Convolutional(nn.Module):
    """ReLU and batch norm on averaged digits: 248 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, 2, bias=False)
        self.bn = nn.BatchNorm2d(2)
        self.linear = nn.Linear(2 * 3 * 3, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(F.relu(self.bn(self.conv(F.avg_pool2d(x, 4)))).flatten(1))


class Attentive(nn.Module):
    """A vision transformer of one block on four patches: layer norm, attention, GELU; 460 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 6, 4, 4)
        self.norm = nn.LayerNorm(6)
        self.qkv = nn.Linear(6, 6)
        self.mlp = nn.Linear(6, 6)
        self.head = nn.Linear(6, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(F.avg_pool2d(x, 4)).flatten(2).transpose(1, 2)
        seen = self.qkv(self.norm(tokens))[:, None]
        tokens = tokens + F.scaled_dot_product_attention(seen, seen, seen)[:, 0]
        return self.head((tokens + F.gelu(self.mlp(tokens))).mean(1))


def digits(n: int = 120) -> tuple[Tensor, Tensor]:
    """Normalised images and their labels."""
    data = load("digits")
    return data.normalise(data.train_images[:n]), data.train_labels[:n]


def trained(model: nn.Module, steps: int = 60) -> nn.Module:
    """The model after some steps on the digits, in eval mode."""
    images, labels = digits()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    model.zero_grad(set_to_none=True)
    return model.eval()


def dense_hessian(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The whole Hessian of the mean cross-entropy in eval mode, in float64, by torch.func.

    Layer norm is written out: torch 2.15's torch.func is wrong in second derivatives by its weight and bias (they come
    out unsymmetric, and unlike finite differences of the gradient).
    """
    double = model.double().eval()
    names, values = zip(*double.named_parameters(), strict=True)
    sizes = [value.numel() for value in values]

    def loss(flat: Tensor) -> Tensor:
        parts = [part.view_as(value) for part, value in zip(flat.split(sizes), values, strict=True)]
        logits = functional_call(double, dict(zip(names, parts, strict=True)), images.double())
        return F.cross_entropy(logits, labels)

    with sdpa_kernel(SDPBackend.MATH), mock.patch.object(F, "layer_norm", _layer_norm):
        found: Tensor = hessian(loss)(torch.cat([value.detach().flatten() for value in values]))
    model.float()
    assert float((found - found.T).abs().max()) < 1e-10
    return found


def _layer_norm(x: Tensor, shape: tuple[int, ...], weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() * weight + bias
