"""Which networks are affine in each parameter, and that for those the Hessian's trace is the Gauss–Newton matrix's."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd.measure.affine import affine_in_each_parameter
from sd.train.models import build


class Written(nn.Module):
    """A forward pass given as a function of the model and its input."""

    def __init__(self, forward: object) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)
        self.bn, self.slope = nn.BatchNorm1d(6), nn.Parameter(torch.tensor([0.3]))
        self.written = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.written(self, x)  # type: ignore[operator]


AFFINE = {
    "functions": lambda m, x: m.b(F.relu(m.bn(m.a(x)))),
    "in place": lambda m, x: m.b(F.relu_(m.a(x))),
    "maximum": lambda m, x: torch.maximum(m.a(x), m.b(x)).abs(),
    "learnt slope": lambda m, x: m.b(F.prelu(m.a(x), m.slope)),
    "residual": lambda m, x: x + m.b(F.leaky_relu(m.a(x))) / 2 - 0.1 * m.a(x),
    "gate": lambda m, x: m.a(x) * m.b(x),
}
OTHER = {
    "gelu": lambda m, x: m.b(F.gelu(m.a(x))),
    "layer norm": lambda m, x: F.layer_norm(m.a(x), (6,)),
    "softmax": lambda m, x: m.b(m.a(x).softmax(1)),
    "applied twice": lambda m, x: m.a(F.relu(m.a(x))),
    "square": lambda m, x: m.a(x) * m.a(x),
    "power": lambda m, x: m.a(x) ** 2,
    "divided": lambda m, x: x / m.a(x),
    "batch statistics": lambda m, x: F.batch_norm(m.a(x), None, None, training=True),
}


@pytest.mark.parametrize("name", AFFINE)
def test_what_is_affine_is_known_as_such(name: str) -> None:
    assert affine_in_each_parameter(Written(AFFINE[name]).eval()(torch.randn(5, 6)))


@pytest.mark.parametrize("name", OTHER)
def test_what_is_not_is_not(name: str) -> None:
    assert not affine_in_each_parameter(Written(OTHER[name]).eval()(torch.randn(5, 6)))


@pytest.mark.parametrize(
    ("arch", "affine"),
    [("resnet8", True), ("resnet20_noskip", True), ("resnet20_he", True), ("vgg16", True), ("vit_s32", False)],
)
def test_the_projects_networks_are_told_apart(arch: str, affine: bool) -> None:
    assert affine_in_each_parameter(build(arch, 10).eval()(torch.randn(1, 3, 32, 32))) is affine


@pytest.mark.parametrize("name", [*AFFINE, *OTHER])
def test_the_residual_term_has_a_zero_diagonal_where_it_is_said(name: str) -> None:
    """Second derivatives of the outputs by each single parameter, in float64."""
    torch.manual_seed(0)
    model = Written((AFFINE | OTHER)[name]).double().eval()
    names, values = zip(*model.named_parameters(), strict=True)
    x = torch.randn(3, 6, dtype=torch.float64)

    def output(*parts: Tensor) -> Tensor:
        found = torch.func.functional_call(model, dict(zip(names, parts, strict=True)), x)
        return (found * torch.arange(1, 19, dtype=torch.float64).view(3, 6)).sum()

    blocks = torch.autograd.functional.hessian(output, values)
    diagonals = [blocks[i][i].reshape(v.numel(), v.numel()).diag() for i, v in enumerate(values)]
    assert (max(float(one.abs().max()) for one in diagonals) < 1e-12) is (name in AFFINE)
