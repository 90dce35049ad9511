"""Curvature against Hessians that come from elsewhere: closed forms, dense float64 matrices, PyHessian."""

import copy
import math
import sys
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from networks import Attentive, Convolutional, dense_hessian, digits, trained
from torch import Tensor, nn
from torch.nn import functional as F

from sd.measure.curvature import curvature, spectral_density, top_eigenvectors
from sd.measure.gauss_newton import applies, gauss_newton_trace
from sd.measure.hessian import Hessian, NotOneFunction, differentiable
from sd.measure.hutchinson import deflated_trace
from sd.measure.landscape import landscape
from sd.measure.scratch import Scratch
from sd.train.models import build

Known = tuple[nn.Module, Tensor]
NETWORKS: dict[str, Callable[[], nn.Module]] = {"convolutional": Convolutional, "attentive": Attentive}


@pytest.fixture(scope="module", params=NETWORKS)
def known(request: pytest.FixtureRequest) -> Known:
    """A trained network and its whole Hessian."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = trained(NETWORKS[request.param]())
    return model, dense_hessian(copy.deepcopy(model), *digits())


def test_every_eigenvalue_of_the_dense_hessian_is_found(known: Known) -> None:
    model, dense = known
    size = len(dense)
    found = curvature(model, *digits(), steps=size, top=size, dtype=torch.float64)
    wanted = torch.linalg.eigvalsh(dense).flip(0)
    largest = float(wanted[0])
    assert found.eigenvalues == pytest.approx(wanted.tolist(), rel=1e-6, abs=1e-13 * largest)
    assert found.trace == pytest.approx(float(dense.trace()), abs=3 * found.trace_stderr + 1e-9 * largest)
    assert found.weights == pytest.approx([1 / size] * size)
    assert found.lambda_min == pytest.approx(float(wanted[-1]), rel=1e-6) and found.converged


def test_the_top_hundred_are_those_of_the_dense_hessian(known: Known) -> None:
    model, dense = known
    found = curvature(model, *digits(), steps=len(dense) - 30, top=100, trace_error=0.5)
    wanted = torch.linalg.eigvalsh(dense).flip(0)[:100]
    assert found.eigenvalues == pytest.approx(wanted.tolist(), rel=1e-3, abs=1e-5 * float(wanted[0]))


def test_residuals_bound_the_error_of_few_steps(known: Known) -> None:
    model, dense = known
    found = curvature(model, *digits(), steps=12, top=12, trace_error=0.5, dtype=torch.float64)
    values = torch.linalg.eigvalsh(dense)
    for value, residual in zip(found.eigenvalues, found.residuals, strict=True):
        assert float((values - value).abs().min()) <= residual + 1e-9
    assert found.lambda_min is not None and found.lambda_min_residual is not None
    assert float((values - found.lambda_min).abs().min()) <= found.lambda_min_residual + 1e-9
    assert not found.converged and found.steps == 12


def test_residuals_in_float32_bound_the_error_too(known: Known) -> None:
    model, dense = known
    values = torch.linalg.eigvalsh(dense)
    for seed in range(10):
        found = curvature(model, *digits(), steps=40, top=20, trace_error=0.9, probes=2, seed=seed)
        assert found.lambda_max_residual < 1e-4 * found.lambda_max
        for value, residual in zip(found.eigenvalues, found.residuals, strict=True):
            assert float((values - value).abs().min()) <= residual


def test_moments_of_the_density_are_those_of_the_hessian(known: Known) -> None:
    """To four standard errors of 12 Rademacher probes of what remains without the ten largest eigenvalues, which are
    found exactly; of the whole Hessian a standard error is up to a third of the moment."""
    model, dense = known
    small = torch.linalg.eigvalsh(dense).abs().sort().values[:-10]
    found = curvature(model, *digits(), steps=60, runs=12, trace_error=0.5, dtype=torch.float64)
    nodes, weights = np.array(found.nodes), np.array(found.weights)
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    for power in (1, 2, 3, 4):
        moment = float(torch.linalg.matrix_power(dense, power).trace()) / len(dense)
        stderr = math.sqrt(2 / 12 * float((small ** (2 * power)).sum())) / len(dense)
        assert weights @ nodes**power == pytest.approx(moment, rel=1e-6, abs=4 * stderr)


def test_the_error_of_the_trace_is_honest(known: Known) -> None:
    """Over 200 seeds at least 99 % lie within three standard errors, and 60 to 76 % within one."""
    model, dense = known
    images, labels = digits()
    theta = torch.cat([p.detach().flatten() for p in model.parameters()]).double()
    true = [float(dense.trace()), float((theta**2 * dense.diag()).sum())]
    values, vectors = top_eigenvectors(model, images, labels, count=12, steps=80)
    with differentiable(model, torch.float32) as ready:
        if applies(ready, images):
            found = [
                gauss_newton_trace(ready, images, labels, loss="ce", target=0, probes=6, seed=seed)
                for seed in range(200)
            ]
        else:
            hessian = Hessian(ready, images, labels, keep_bytes=1 << 30)
            found = [
                deflated_trace(hessian, vectors, values, target=0, probes=40, seed=seed, scratch=Scratch(None))
                for seed in range(200)
            ]
    for which, exact in zip(("trace", "relative"), true, strict=True):
        error = "stderr" if which == "trace" else "relative_stderr"
        off = [abs(getattr(one, which) - exact) / getattr(one, error) for one in found]
        assert sum(ratio < 3 for ratio in off) >= 198
        assert 120 <= sum(ratio < 1 for ratio in off) <= 152


def test_the_summed_estimate_is_honest_too() -> None:
    torch.manual_seed(0)
    model = Convolutional()
    model.conv = nn.Conv2d(3, 2, 3, 2, bias=False, padding=1, padding_mode="circular")
    model.linear = nn.Linear(2 * 4 * 4, 10)
    trained(model)
    images, labels = digits()
    true = float(dense_hessian(copy.deepcopy(model), images, labels).trace())
    with differentiable(model, torch.float32) as ready:
        found = [
            gauss_newton_trace(ready, images, labels, loss="ce", target=0, probes=40, seed=seed) for seed in range(200)
        ]
    assert {one.estimator for one in found} == {"gauss_newton summed"}
    off = [abs(one.trace - true) / one.stderr for one in found]
    assert sum(ratio < 3 for ratio in off) >= 198 and 120 <= sum(ratio < 1 for ratio in off) <= 152


def test_all_probes_of_an_image_together_are_exact() -> None:
    torch.manual_seed(0)
    model = trained(Convolutional())
    dense = dense_hessian(copy.deepcopy(model), *digits())
    found = curvature(model, *digits(), steps=5, trace_error=0, dtype=torch.float64)
    theta = torch.cat([p.detach().flatten() for p in model.parameters()]).double()
    assert found.trace_estimator == "gauss_newton" and found.trace_stderr == 0 and found.probes == 16
    assert found.trace == pytest.approx(float(dense.trace()), rel=1e-9)
    assert found.relative_trace == pytest.approx(float((theta**2 * dense.diag()).sum()), rel=1e-9)


def test_deflation_makes_the_estimate_sharper() -> None:
    torch.manual_seed(0)
    model = trained(Attentive())
    images, labels = digits()
    values, vectors = top_eigenvectors(model, images, labels, count=8, steps=60)
    with differentiable(model, torch.float32) as ready:
        hessian = Hessian(ready, images, labels)
        errors = [
            deflated_trace(hessian, u, v, target=0, probes=20, seed=0, scratch=Scratch(None)).stderr
            for u, v in ((vectors, values), (vectors[:0], []))
        ]
    assert errors[0] < errors[1] / 2


def test_top_eigenvectors_are_eigenvectors(known: Known) -> None:
    model, dense = known
    values, vectors = top_eigenvectors(model, *digits(), count=3)
    assert vectors @ vectors.T == pytest.approx(torch.eye(3), abs=1e-5)
    for value, vector in zip(values, vectors.double(), strict=True):
        assert dense @ vector == pytest.approx(value * vector, abs=1e-3 * value)


def test_softmax_regression_has_its_closed_form() -> None:
    """One linear layer: H = mean over x of (diag p − ppᵀ) ⊗ xxᵀ."""
    torch.manual_seed(0)
    images, labels = torch.randn(50, 3, 2, 2), torch.randint(0, 4, (50,))
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4, bias=False))
    x = images.flatten(1).double()
    p = (x @ model[1].weight.double().T).softmax(1)
    inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    closed = torch.einsum("nij,na,nb->iajb", inner, x, x).reshape(48, 48).detach() / 50
    found = curvature(model, images, labels, steps=48, top=36, trace_error=0, dtype=torch.float64)
    assert found.eigenvalues == pytest.approx(torch.linalg.eigvalsh(closed).flip(0)[:36].tolist(), rel=1e-6)
    assert found.trace == pytest.approx(float(closed.trace()), rel=1e-9)


def test_a_quadratic_form_has_its_spectrum_multiplicities_included() -> None:
    """Half the squared distance of a linear model is a quadratic form; its Hessian is XᵀX/n for each output."""
    torch.manual_seed(0)
    spectrum = torch.tensor([9.0, 4.0, 4.0, 1.0, 0.25, 0.0], dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0]
    left = torch.linalg.qr(torch.randn(20, 6, dtype=torch.float64))[0]
    images = math.sqrt(20) * left @ spectrum.sqrt().diag() @ rotation.T
    model = nn.Linear(6, 3, bias=False).double()
    found = curvature(
        model,
        images,
        torch.zeros(20, dtype=torch.long),
        loss="mse",
        steps=18,
        top=18,
        trace_error=0,
        dtype=torch.float64,
    )
    wanted = spectrum.repeat_interleave(3).flip(0).sort(descending=True).values
    assert found.eigenvalues == pytest.approx(wanted.tolist(), abs=1e-9)
    assert found.trace == pytest.approx(3 * 18.25) and found.nodes[-3:] == pytest.approx([9.0] * 3)
    few = curvature(model, images, torch.zeros(20, dtype=torch.long), loss="mse", steps=5, dtype=torch.float64)
    assert few.lambda_max == pytest.approx(9) and sum(few.weights) == pytest.approx(1)


def test_sharpness_is_the_rise_of_the_loss_at_sams_point(known: Known) -> None:
    model, _ = known
    images, labels = digits()
    found = curvature(model, images, labels, steps=2, trace_error=0.9, rho=0.1)
    moved = copy.deepcopy(model)
    loss = F.cross_entropy(moved(images), labels)
    loss.backward()
    length = torch.cat([p.grad.flatten() for p in moved.parameters() if p.grad is not None]).norm()
    with torch.no_grad():
        for p in moved.parameters():
            p += 0.1 * p.grad / length if p.grad is not None else 0
    assert found.loss == pytest.approx(loss.item(), rel=1e-5) and found.rho == 0.1
    assert found.sharpness == pytest.approx((F.cross_entropy(moved(images), labels) - loss).item(), rel=1e-3)


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return trained(build("resnet8", 10), steps=20)


def test_eigenvalues_and_products_are_pyhessians(resnet: nn.Module) -> None:
    from pyhessian import hessian

    images, labels = digits(60)
    found = curvature(resnet, images, labels, steps=40, top=3, trace_error=0.5)
    other = copy.deepcopy(resnet)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = hessian(other, nn.CrossEntropyLoss(), data=(images, labels), cuda=False)
    torch.manual_seed(1)
    values, _ = theirs.eigenvalues(maxIter=2000, tol=1e-9, top_n=3)
    assert found.eigenvalues == pytest.approx(values, rel=1e-3)
    with differentiable(resnet, torch.float32) as ready:
        ours = Hessian(ready, images, labels)
        vector = torch.randn(ours.size)
        module = sys.modules[hessian.__module__]
        parts = [part.clone() for part in ours._split(vector)]
        wanted = torch.cat([p.flatten() for p in module.hessian_vector_product(theirs.gradsH, theirs.params, parts)])
        assert float((ours.product(vector) - wanted).norm() / wanted.norm()) < 1e-5
    other.zero_grad(set_to_none=True)


def test_the_pyhessian_backend_gives_the_same_figures(resnet: nn.Module) -> None:
    images, labels = digits(60)
    ours = curvature(resnet, images, labels, steps=40, top=2, trace_error=0)
    how = {"steps": 200, "top": 2, "probes": 40, "trace_error": 0.5, "backend": "pyhessian"}
    for batch_size in (None, 25):
        theirs = curvature(resnet, images, labels, batch_size=batch_size, **how)  # type: ignore[arg-type]
        assert theirs.backend == "pyhessian" and theirs.probes == 40 and theirs.hvps > 40 and theirs.converged
        assert theirs.eigenvalues == pytest.approx(ours.eigenvalues, rel=0.05)
        assert abs(theirs.trace - ours.trace) < 4 * theirs.trace_stderr
        assert theirs.sharpness == pytest.approx(ours.sharpness, rel=1e-3)
        assert theirs.residuals[0] < 0.2 * theirs.lambda_max and theirs.nodes == () and theirs.lambda_min is None
    again = curvature(resnet, images, labels, batch_size=25, **how)  # type: ignore[arg-type]
    assert (again.trace, again.eigenvalues) == (theirs.trace, theirs.eigenvalues)
    assert theirs.hvps == theirs.steps + 40 + 2
    with pytest.raises(ValueError, match="float32"):
        curvature(resnet, images, labels, backend="pyhessian", dtype=torch.float64)


def test_pyhessian_has_not_converged_where_one_of_its_figures_has_not(resnet: nn.Module) -> None:
    images, labels = digits(60)

    def converged(steps: int, trace_error: float, top: int) -> bool:
        how = {"steps": steps, "trace_error": trace_error, "top": top, "backend": "pyhessian"}
        return curvature(resnet, images, labels, probes=4, **how).converged  # type: ignore[arg-type]

    first = curvature(resnet, images, labels, probes=4, steps=200, backend="pyhessian").steps
    assert converged(first + 1, 0.9, top=1) and not converged(first, 0.9, top=1)
    assert not converged(first, 0.9, top=3)  # though the others took fewer than they might
    assert not converged(200, 1e-4, top=1)  # the trace


def test_pyhessian_has_not_found_the_largest_eigenvalue_where_the_smallest_is_larger_in_magnitude() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 4
    images = torch.randn(30, 8, dtype=torch.float64).float()
    labels = torch.randint(0, 3, (30,))
    ours = curvature(model, images, labels, steps=40, probes=100, trace_error=0.2)
    assert ours.lambda_min is not None and ours.lambda_min < -ours.lambda_max < 0
    assert ours.trace < 0 < ours.trace_stderr < 0.2 * -ours.trace and ours.converged
    theirs = curvature(model, images, labels, steps=500, probes=50, trace_error=0.9, backend="pyhessian")
    assert theirs.lambda_max == pytest.approx(ours.lambda_min, rel=0.01) and not theirs.converged


def test_pyhessian_says_which_parameter_it_cannot_do_without() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    with pytest.raises(ValueError, match=r"unused.weight and 1 more") as refused:
        curvature(Half(), torch.randn(6, 4), torch.zeros(6, dtype=torch.long), backend="pyhessian")
    assert "\n" not in str(refused.value)


def test_the_model_is_left_as_it_was_and_a_seed_gives_the_same_numbers(resnet: nn.Module) -> None:
    images, labels = digits(30)
    model = copy.deepcopy(resnet).train()
    model.get_parameter("linear.bias").requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    places = [parameter.data_ptr() for parameter in model.parameters()]
    state = torch.random.get_rng_state()
    found = [curvature(model, images, labels, steps=5, trace_error=0.9, seed=seed) for seed in (1, 1, 2)]
    numbers = [(one.trace, one.relative_trace, one.eigenvalues, one.nodes, one.sharpness) for one in found]
    assert numbers[0] == numbers[1] != numbers[2]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.training and not model.get_parameter("linear.bias").requires_grad
    assert [parameter.data_ptr() for parameter in model.parameters()] == places
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_frozen_norms_and_gradients_between_backward_and_step_are_left_alone(
    resnet: nn.Module, dtype: torch.dtype
) -> None:
    images, labels = digits(20)
    model = copy.deepcopy(resnet).train()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms[:2]:
        norm.eval()
    F.cross_entropy(model(images), labels).backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    curvature(model, images, labels, steps=2, trace_error=0.9, dtype=dtype)
    curvature(model, images, labels, steps=2, probes=2, backend="pyhessian")
    assert model.training and [norm.training for norm in norms] == [False, False] + [True] * (len(norms) - 2)
    assert gradients and all(torch.equal(model.get_parameter(name).grad, g) for name, g in gradients.items())


def test_what_is_recorded_as_float32_is_computed_in_it_whatever_the_caller_does(known: Known) -> None:
    model, _ = known
    images, labels = digits()
    plain = curvature(model, images, labels, steps=4, probes=2)
    seen: list[bool] = []
    layer = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    hook = layer.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    try:
        with torch.autocast("cpu", torch.bfloat16):
            found = curvature(model, images, labels, steps=4, probes=2)
            values, _ = top_eigenvectors(model, images, labels, steps=4)
    finally:
        hook.remove()
    assert found.eigenvalues == pytest.approx(plain.eigenvalues, rel=1e-4)
    assert values[0] == pytest.approx(plain.lambda_max, rel=1e-4)
    assert seen and not any(seen) and torch.backends.cudnn.allow_tf32


class Reaching(nn.Module):
    """Uses one layer's weight besides the layer, and another's without it."""

    def __init__(self, *, unheard: bool) -> None:
        super().__init__()
        self.one, self.two, self.unheard = nn.Linear(6, 6), nn.Linear(6, 6), unheard

    def forward(self, x: Tensor) -> Tensor:
        if self.unheard:
            return F.linear(F.relu(self.one(x)), self.two.weight)
        return self.two(F.relu(self.one(x))) + F.linear(x, self.two.weight)


@pytest.mark.parametrize("unheard", [False, True])
def test_weights_that_are_used_past_their_layer_are_counted(unheard: bool) -> None:
    torch.manual_seed(0)
    model, images, labels = Reaching(unheard=unheard), torch.randn(30, 6), torch.randint(0, 6, (30,))
    parameters = dict(model.named_parameters())

    def loss(*values: Tensor) -> Tensor:
        logits = torch.func.functional_call(model, dict(zip(parameters, values, strict=True)), images)
        return F.cross_entropy(logits, labels)

    blocks = torch.autograd.functional.hessian(loss, tuple(parameters.values()))
    true = sum(float(blocks[i][i].reshape(p.numel(), -1).trace()) for i, p in enumerate(parameters.values()))
    with torch.no_grad():
        found = curvature(model, images, labels, steps=20, probes=200, trace_error=0)
    assert found.trace_estimator == "gauss_newton summed"
    assert abs(found.trace - true) < 4 * found.trace_stderr


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 32 * 32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(F.dropout(x.flatten(1), 0.5, training=True))


def test_a_model_that_is_not_one_function_is_refused_in_one_line() -> None:
    images, labels = digits(10)
    batch = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    for model, word in ((Dropping(), "dropout"), (batch, "beside it")):
        with pytest.raises(NotOneFunction, match=word) as refused:
            curvature(model, images, labels, steps=3)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"steps": 0}, {"probes": 0}, {"top": 9, "steps": 5}, {"runs": 0}, {"trace_error": -1}, {"rho": 0}),
        *({"dtype": torch.bfloat16}, {"backend": "lanzcos"}),
    ],
)
def test_arguments_out_of_range_are_refused(wrong: dict[str, object], resnet: nn.Module) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        curvature(resnet, *digits(4), **wrong)  # type: ignore[arg-type]


def test_images_without_labels_or_in_whole_numbers_are_refused(resnet: nn.Module) -> None:
    images, labels = digits(4)
    for x, y in ((images, labels[:3]), (images[:0], labels[:0]), (images.to(torch.uint8), labels)):
        with pytest.raises(ValueError, match="images"):
            curvature(resnet, x, y)


def test_labels_that_a_loss_would_take_for_something_else_are_refused(resnet: nn.Module) -> None:
    images, labels = digits(4)
    left_out, soft = torch.where(labels == labels[0], -100, labels), F.one_hot(labels, 10).float()
    for wrong in (left_out, soft, labels.int(), labels[:, None]):
        with pytest.raises(ValueError, match="label"):
            curvature(resnet, images, wrong, steps=2)
        with pytest.raises(ValueError, match="label"):
            landscape(resnet, images, wrong, points=1)
    with pytest.raises(IndexError, match="12"):
        curvature(resnet, images, labels * 0 + 12, steps=2)


@pytest.mark.parametrize("probes", [1, 2])
def test_so_few_probes_that_nothing_is_known_of_their_error_are_not_converged(known: Known, probes: int) -> None:
    found = curvature(known[0], *digits(), steps=3, probes=probes)
    assert found.probes == probes and not found.converged and math.isinf(found.trace_stderr) == (probes == 1)


def test_a_model_with_infinite_weights_is_refused() -> None:
    model = build("resnet8", 10)
    with torch.no_grad():
        model.get_parameter("linear.weight").fill_(math.inf)
    with pytest.raises(ValueError, match="not finite"):
        curvature(model, *digits(4), steps=2)


def test_a_smoothed_density_integrates_to_one() -> None:
    at = np.linspace(-5, 5, 2001)
    density = spectral_density((0.0, 1.0), (0.75, 0.25), at, width=0.1)
    assert density.sum() * (at[1] - at[0]) == pytest.approx(1)
    assert density.max() == pytest.approx(0.75 / (0.1 * math.sqrt(2 * math.pi)), rel=1e-3)
