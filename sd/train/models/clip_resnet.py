"""CLIP's ResNets with a linear classifier (spec H21): three-layer stem, anti-aliased strides, attention pooling.

Reference: ``ModifiedResNet`` in ``clip/model.py`` of openai/CLIP; the weights have its names, under ``visual``.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.train.models.resized import resize

WIDTH = 64
SIZE = 224
EXPANSION = 4


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolution, all of stride 1; a stride is an average pool before the last one."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.avgpool = _pool(stride)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            convolution = nn.Conv2d(inputs, outputs, 1, bias=False)
            layers = {"-1": _pool(stride), "0": convolution, "1": nn.BatchNorm2d(outputs)}
            self.downsample = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(self.avgpool(out)))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


class AttentionPool(nn.Module):
    """Attention of one query, the mean over all places, to that mean and every place; (n, d, h, w) to (n, outputs).

    Written out in products of matrices, because the fused kernels have no second derivative (spec 3.3).
    """

    def __init__(self, places: int, features: int, heads: int, outputs: int) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.randn(places + 1, features) / features**0.5)
        self.k_proj = nn.Linear(features, features)
        self.q_proj = nn.Linear(features, features)
        self.v_proj = nn.Linear(features, features)
        self.c_proj = nn.Linear(features, outputs)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        tokens = torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1) + self.positional_embedding
        query, key, value = (
            self._by_head(projection(part))
            for projection, part in ((self.q_proj, tokens[:, :1]), (self.k_proj, tokens), (self.v_proj, tokens))
        )
        weights = (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(dim=-1)
        pooled: Tensor = self.c_proj((weights @ value).flatten(1))
        return pooled

    def _by_head(self, x: Tensor) -> Tensor:
        """(n, tokens, features) to (n, heads, tokens, features of a head)."""
        n, tokens, features = x.shape
        return x.view(n, tokens, self.heads, features // self.heads).transpose(1, 2)


class ModifiedResNet(nn.Module):
    """CLIP's image encoder: (n, 3, 224, 224) to (n, outputs)."""

    def __init__(self, layers: tuple[int, int, int, int], outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH // 2, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH // 2)
        self.conv2 = nn.Conv2d(WIDTH // 2, WIDTH // 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(WIDTH // 2)
        self.conv3 = nn.Conv2d(WIDTH // 2, WIDTH, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(WIDTH)
        self.avgpool = nn.AvgPool2d(2)
        self.layer1 = _stage(WIDTH, WIDTH, layers[0], 1)
        self.layer2 = _stage(EXPANSION * WIDTH, 2 * WIDTH, layers[1], 2)
        self.layer3 = _stage(EXPANSION * 2 * WIDTH, 4 * WIDTH, layers[2], 2)
        self.layer4 = _stage(EXPANSION * 4 * WIDTH, 8 * WIDTH, layers[3], 2)
        features = EXPANSION * 8 * WIDTH
        self.attnpool = AttentionPool((SIZE // 32) ** 2, features, features // 64, outputs)
        self._initialise(features)

    def _initialise(self, features: int) -> None:
        """As ``CLIP.initialize_parameters``: each residual branch begins at zero."""
        pool = self.attnpool
        for layer in (pool.q_proj, pool.k_proj, pool.v_proj, pool.c_proj):
            nn.init.normal_(layer.weight, std=features**-0.5)
        for module in self.modules():
            if isinstance(module, Bottleneck):
                nn.init.zeros_(module.bn3.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.avgpool(F.relu(self.bn3(self.conv3(x))))
        embedding: Tensor = self.attnpool(self.layer4(self.layer3(self.layer2(self.layer1(x)))))
        return embedding


class ClipClassifier(nn.Module):
    """CLIP's image encoder and one linear layer; images of another size than 224×224 are resized to it."""

    def __init__(self, layers: tuple[int, int, int, int], embedding: int, classes: int) -> None:
        super().__init__()
        self.visual = ModifiedResNet(layers, embedding)
        self.head = nn.Linear(embedding, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.visual(resize(x, SIZE)))
        return logits


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(inputs, width, stride)
    return nn.Sequential(first, *(Bottleneck(EXPANSION * width, width, 1) for _ in range(blocks - 1)))


def _pool(stride: int) -> nn.Module:
    return nn.AvgPool2d(stride) if stride > 1 else nn.Identity()


def clip_rn50(classes: int) -> nn.Module:
    """CLIP's RN50, embedding 1024, and a linear layer: 39.3 M parameters with 1000 classes."""
    return ClipClassifier((3, 4, 6, 3), 1024, classes)


def clip_rn101(classes: int) -> nn.Module:
    """CLIP's RN101, embedding 512, and a linear layer: 56.8 M parameters with 1000 classes."""
    return ClipClassifier((3, 4, 23, 3), 512, classes)
