"""CLIP's ResNets give the features of timm's, which were written by others from the same source."""

import pytest
import timm
import torch
from torch import nn

from sd.train.models import build
from sd.train.models.clip_resnet import AttentionPool, ModifiedResNet
from sd.train.models.pretrained import clip_name

ENCODERS = {"resnet50_clip": ((3, 4, 6, 3), 1024), "resnet101_clip": ((3, 4, 23, 3), 512)}


def twins(name: str) -> tuple[nn.Module, nn.Module]:
    """In float64, timm's model with statistics that are not the initial 0 and 1, and ours with its weights."""
    layers, outputs = ENCODERS[name]
    torch.manual_seed(1)
    theirs = timm.create_model(name, num_classes=outputs)
    for layer in theirs.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, 0.2)
            nn.init.normal_(layer.bias, 0, 0.2)
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
    ours = ModifiedResNet(layers, outputs)
    ours.load_state_dict({clip_name(key): tensor for key, tensor in theirs.state_dict().items()})
    return theirs.double(), ours.double()


@pytest.mark.parametrize("name", ENCODERS)
def test_every_weight_has_its_place_and_the_features_are_the_same(name: str) -> None:
    theirs, ours = twins(name)
    images = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(theirs.eval()(images), ours.eval()(images), rtol=1e-8)


def test_in_train_mode_the_features_are_the_same_too() -> None:
    theirs, ours = twins("resnet50_clip")
    images = torch.randn(2, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(theirs.train()(images), ours.train()(images), rtol=1e-8)


@pytest.mark.parametrize(("arch", "encoder"), [("clip_rn50", 38_316_896), ("clip_rn101", 56_259_936)])
def test_parameters_are_those_of_openai_and_a_linear_layer(arch: str, encoder: int) -> None:
    model = build(arch, 1000)
    width = 1024 if arch == "clip_rn50" else 512
    assert sum(p.numel() for p in model.parameters()) == encoder + 1000 * (width + 1)


def test_the_initial_weights_are_clips() -> None:
    """Residual branches begin at zero, and the attention's matrices with a standard deviation of 2048 ** -0.5."""
    model = build("clip_rn50", 10)
    last = [p for name, p in model.named_parameters() if name.startswith("visual.layer") and "bn3.weight" in name]
    assert len(last) == 16 and not any(p.any() for p in last)
    for name in ("q_proj", "k_proj", "v_proj", "c_proj"):
        drawn = model.get_parameter(f"visual.attnpool.{name}.weight").detach()
        assert drawn.std() == pytest.approx(2048**-0.5, rel=0.01)


def test_attention_pooling_has_a_second_derivative() -> None:
    torch.manual_seed(0)
    pool, features = AttentionPool(4, 8, 2, 3).double(), torch.randn(2, 8, 2, 2, dtype=torch.float64)
    names = [name for name, _ in pool.named_parameters()]

    def output(*tensors: torch.Tensor) -> torch.Tensor:
        given = dict(zip(names, tensors, strict=True))
        return torch.func.functional_call(pool, given, (features,)).square().sum()

    assert torch.autograd.gradgradcheck(output, tuple(pool.parameters()))
