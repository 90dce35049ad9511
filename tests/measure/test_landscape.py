"""Loss surfaces against a literal evaluation: copy the model, add the directions, evaluate."""

import copy

import pytest
import torch
from networks import Attentive, Convolutional, digits, trained
from torch import Tensor, nn
from torch.nn import functional as F

from sd.measure.hessian import NotOneFunction
from sd.measure.landscape import Direction, as_direction, direction_to, landscape, random_directions
from sd.train.models import build


@pytest.fixture(scope="module", params=["resnet8", "convolutional", "attentive"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    made = {"resnet8": lambda: build("resnet8", 10), "convolutional": Convolutional, "attentive": Attentive}
    return trained(made[request.param](), steps=20)


@torch.no_grad()
def literally(model: nn.Module, x: float, y: float, directions: list[Direction], n: int) -> tuple[float, float]:
    images, labels = digits(n)
    moved = copy.deepcopy(model).eval()
    for index, parameter in enumerate(moved.parameters()):
        for place, direction in zip((x, y), directions, strict=False):
            parameter += place * direction[index]
    logits = moved(images)
    return float(F.cross_entropy(logits, labels)), 100 * float((logits.argmax(1) == labels).float().mean())


def test_the_surface_is_that_of_a_literal_evaluation(model: nn.Module) -> None:
    images, labels = digits(60)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    surface = landscape(model, images, labels, points=7, seed=4, batch_size=25)
    assert model.training and all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    model.eval()
    directions = random_directions(model, seed=4)
    draws = torch.Generator().manual_seed(0)
    for row, column in torch.randint(0, 7, (25, 2), generator=draws).tolist():
        loss, top1 = literally(model, surface.xs[column], surface.ys[row], directions, 60)
        assert surface.losses[row][column] == pytest.approx(loss, rel=1e-4, abs=1e-5)
        assert surface.top1[row][column] == pytest.approx(top1, abs=2)
    assert surface.xs[3] == surface.ys[3] == 0 and surface.n_samples == 60


def test_each_filter_of_a_direction_has_the_norm_of_the_models(model: nn.Module) -> None:
    for direction in random_directions(model, count=3, seed=1):
        for part, weight in zip(direction, model.parameters(), strict=True):
            if weight.ndim < 2:
                assert not part.any()
            else:
                rows = (part.flatten(1).norm(dim=1), weight.detach().flatten(1).norm(dim=1))
                assert rows[0] == pytest.approx(rows[1], rel=1e-5)


def test_models_of_one_architecture_have_the_same_directions_up_to_scale(model: nn.Module) -> None:
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter *= 3
    for one, two in zip(random_directions(model, seed=2), random_directions(other, seed=2), strict=True):
        assert all(b == pytest.approx(3 * a, rel=1e-4) for a, b in zip(one, two, strict=True))
    plain = random_directions(model, seed=2, normalise="none")[0]
    assert all(part.any() for part in plain)
    assert not torch.equal(plain[0], random_directions(model, seed=3, normalise="none")[0][0])


def test_a_line_goes_from_one_model_to_another(model: nn.Module) -> None:
    images, labels = digits(60)
    teacher = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    line = landscape(model, images, labels, directions=[direction_to(model, teacher)], line=True, ends=(0, 1), points=3)
    assert line.ys == (0.0,) and len(line.norms) == 1
    assert line.losses[0][0] == pytest.approx(literally(model, 0, 0, [], 60)[0], rel=1e-4)
    assert line.losses[0][2] == pytest.approx(literally(teacher, 0, 0, [], 60)[0], rel=1e-4)


def test_statistics_can_be_recomputed_at_each_point() -> None:
    torch.manual_seed(0)
    model = trained(Convolutional(), steps=20)
    images, labels = digits(60)
    surface = landscape(model, images, labels, points=3, statistics="recomputed", batch_size=20)
    fresh = copy.deepcopy(model)
    fresh.bn.reset_running_stats()
    fresh.bn.momentum = None
    fresh.bn.train()
    with torch.no_grad():
        for batch in images.split(20):
            fresh(batch)
        loss = float(F.cross_entropy(fresh.eval()(images), labels))
    assert surface.losses[1][1] == pytest.approx(loss, rel=1e-5)
    assert surface.losses[1][1] != pytest.approx(literally(model, 0, 0, [], 60)[0], rel=1e-3)
    assert model.bn.momentum == 0.1


def test_each_image_has_the_same_weight_in_recomputed_statistics() -> None:
    """A last batch of one image among 21 is a 21st of them, and not half."""
    torch.manual_seed(0)
    model = trained(Convolutional(), steps=20)
    images, labels = digits(21)
    one, many = (
        landscape(model, images, labels, points=1, span=1e-9, statistics="recomputed", batch_size=size).losses[0][0]
        for size in (21, 20)
    )
    assert many == pytest.approx(one, rel=0.02)


@pytest.mark.parametrize("where", ["weights", "far away"])
def test_a_surface_that_is_not_finite_is_refused_at_its_first_such_point(where: str) -> None:
    torch.manual_seed(0)
    model = trained(Convolutional(), steps=20)
    if where == "weights":
        with torch.no_grad():
            model.get_parameter("linear.weight")[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"the loss is (nan|inf) at x = -.*, y = -") as refused:
        landscape(model, *digits(20), points=3, span=1 if where == "weights" else 1e30)
    assert "\n" not in str(refused.value)


def test_a_surface_of_no_one_function_is_refused(model: nn.Module) -> None:
    class Dropping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            return self.model(F.dropout(x, 0.5, training=True))

    with pytest.raises(NotOneFunction, match="dropout"):
        landscape(Dropping(), *digits(20), points=3)


def test_what_does_not_fit_is_refused(model: nn.Module) -> None:
    images, labels = digits(4)
    for wrong in ({"points": 0}, {"span": 0.0}, {"directions": random_directions(model, count=1)}):
        with pytest.raises(ValueError):
            landscape(model, images, labels, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one direction"):
        landscape(model, images, labels, line=True, directions=random_directions(model))
    with pytest.raises(ValueError, match="different"):
        direction_to(model, nn.Sequential(*(nn.Linear(2, 2) for _ in list(model.parameters())[::2])))


def test_a_vector_over_all_parameters_is_a_direction(model: nn.Module) -> None:
    size = sum(p.numel() for p in model.parameters())
    vector: Tensor = torch.arange(size, dtype=torch.float32)
    assert torch.equal(torch.cat([part.flatten() for part in as_direction(model, vector)]), vector)
