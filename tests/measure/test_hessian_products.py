"""Hessian-vector products against finite differences, torch's own double backward, and each other."""

import copy

import pytest
import torch
from networks import Attentive, Convolutional, digits, trained
from torch import Tensor, nn
from torch.nn import functional as F

from sd.measure.double_backward import FastDoubleBackward
from sd.measure.hessian import Hessian, differentiable, mean_loss
from sd.train.models import build

LAYERS: dict[str, nn.Module] = {
    "convolution": nn.Conv2d(4, 6, 3, padding=1),
    "stride": nn.Conv2d(4, 6, 3, stride=2, padding=(1, 0), bias=False),
    "dilation": nn.Conv2d(4, 6, (2, 3), dilation=2),
    "groups": nn.Conv2d(4, 6, 3, groups=2, bias=False),
    "padding same": nn.Conv2d(4, 6, 3, padding="same"),
    "batch norm": nn.BatchNorm2d(4),
    "layer norm": nn.LayerNorm((8, 8)),
    "gelu": nn.GELU(),
    "group norm": nn.GroupNorm(2, 4),
}


class Around(nn.Module):
    """A layer between two others, so that it has derivatives by its input too."""

    def __init__(self, layer: nn.Module, channels: int) -> None:
        super().__init__()
        self.first, self.layer, self.head = nn.Conv2d(3, 4, 1), layer, nn.Linear(channels, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.layer(self.first(x))).mean((2, 3)))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def gradient(model: nn.Module, images: Tensor, labels: Tensor, offset: Tensor) -> Tensor:
    moved = copy.deepcopy(model)
    at = 0
    with torch.no_grad():
        for p in moved.parameters():
            p += offset[at : at + p.numel()].view(p.shape)
            at += p.numel()
    parts = torch.autograd.grad(F.cross_entropy(moved(images), labels), list(moved.parameters()))
    return torch.cat([part.flatten() for part in parts])


def models() -> dict[str, tuple[nn.Module, Tensor, Tensor]]:
    torch.manual_seed(0)
    x, y = torch.randn(4, 3, 8, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 3])
    found = {
        name: (Around(copy.deepcopy(layer), 6 if isinstance(layer, nn.Conv2d) else 4), x, y)
        for name, layer in LAYERS.items()
    }
    images, labels = digits(20)
    smooth = Attentive()
    return found | {"attention": (smooth, images.double(), labels)}


@pytest.mark.parametrize("name", [*LAYERS, "attention"])
def test_a_product_is_the_difference_of_two_gradients(name: str) -> None:
    model, images, labels = models()[name]
    model = model.double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_var is not None
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
    with differentiable(model, torch.float64) as ready:
        hessian = Hessian(ready, images, labels, batch_size=3)
        vector = torch.randn(hessian.size, dtype=torch.float64)
        found = hessian.product(vector)
    step = 1e-5
    difference = gradient(model, images, labels, step * vector) - gradient(model, images, labels, -step * vector)
    assert float((found - difference / (2 * step)).norm() / found.norm()) < 1e-6


@pytest.mark.parametrize("name", ["convolution", "stride", "dilation", "groups", "batch norm"])
def test_the_second_derivatives_of_the_layers_are_right(name: str) -> None:
    torch.manual_seed(0)
    layer = copy.deepcopy(LAYERS[name]).double().eval()
    names, values = zip(*layer.named_parameters(), strict=True)
    x = torch.randn(2, 4, 5, 5, dtype=torch.float64, requires_grad=True)

    def apply(x: Tensor, *parts: Tensor) -> Tensor:
        with FastDoubleBackward():
            found: Tensor = torch.func.functional_call(layer, dict(zip(names, parts, strict=True)), x)
        assert found.grad_fn is not None and found.grad_fn.name().startswith("_")
        return found

    assert torch.autograd.gradcheck(apply, (x, *values))
    assert torch.autograd.gradgradcheck(apply, (x, *values))


def test_products_are_those_of_torchs_own_double_backward() -> None:
    torch.manual_seed(0)
    model = trained(build("resnet8", 10), steps=5)
    images, labels = digits(30)
    parameters = list(model.parameters())
    grads = torch.autograd.grad(mean_loss(model(images), labels, "ce"), parameters, create_graph=True)
    parts = [torch.randn_like(p) for p in parameters]
    wanted = torch.cat([p.flatten() for p in torch.autograd.grad(grads, parameters, parts)])
    vector = torch.cat([part.flatten() for part in parts])
    with differentiable(model, torch.float32) as ready:
        found = Hessian(ready, images, labels).product(vector)
    assert float((found - wanted).norm() / wanted.norm()) < 1e-5


def test_batches_and_kept_graphs_change_nothing() -> None:
    torch.manual_seed(0)
    model = trained(Convolutional())
    images, labels = digits(50)
    with differentiable(model, torch.float64) as ready:
        one = Hessian(ready, images.double(), labels)
        vectors = torch.randn(3, one.size, dtype=torch.float64)
        wanted = one.products(vectors)
        for keep in (0, 60_000, 1 << 30):
            many = Hessian(ready, images.double(), labels, batch_size=7, keep_bytes=keep)
            for _ in range(2):
                assert many.products(vectors) == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert torch.equal(torch.stack([one.product(v) for v in vectors]), one.products(vectors))


def test_parameters_without_influence_have_rows_of_zeros() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    with differentiable(Half(), torch.float32) as ready:
        hessian = Hessian(ready, torch.randn(6, 4), torch.zeros(6, dtype=torch.long))
        found = hessian.product(torch.ones(30))
    assert found[15:].count_nonzero() == 0 and found[:15].count_nonzero() == 15
