"""Models of one input size: how their images are resized, how they are normalised, and that Hessians exist."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn

from sd.measure.curvature import curvature
from sd.train.models import build, normalisation, twice_differentiable
from sd.train.models.resized import Resized, resize

TINY = "timm:test_vit"  # timm's own for tests: 0.4 M parameters


@pytest.mark.parametrize(("side", "size"), [(32, 224), (64, 224), (256, 224)])
def test_resizing_is_pillows_bicubic(side: int, size: int) -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (side, side)).astype(np.float32)
    expected = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC))
    found = resize(torch.from_numpy(pixels).expand(1, 3, -1, -1), size)
    assert np.allclose(found[0, 1].numpy(), expected, atol=0.01), "of 255; the two round their weights differently"


def test_images_of_the_right_size_are_left_as_they_are() -> None:
    images = torch.randn(1, 3, 224, 224)
    assert resize(images, 224) is images


def test_resizing_may_follow_the_normalisation() -> None:
    images = torch.rand(2, 3, 32, 32)
    assert torch.allclose(resize((images - 0.5) / 0.5, 224), (resize(images, 224) - 0.5) / 0.5, atol=1e-5)


def test_a_vision_transformer_is_timms_behind_a_resize() -> None:
    model = build("vit_s32", 10).eval().to(memory_format=torch.channels_last)
    plain = timm.create_model("vit_small_patch32_224", num_classes=10).eval()
    plain.load_state_dict({name.removeprefix("model."): tensor for name, tensor in model.state_dict().items()})
    images = torch.randn(2, 3, 32, 32).to(memory_format=torch.channels_last)
    with torch.no_grad():
        assert torch.allclose(model(images), plain(resize(images, 224)), atol=1e-5)


def test_a_convolutional_model_of_timm_takes_images_as_they_are() -> None:
    assert isinstance(build(TINY, 10), Resized)
    assert not isinstance(build("timm:test_resnet", 10), Resized)


def test_normalisation_is_that_of_the_published_weights() -> None:
    assert normalisation("vit_b32") == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert normalisation("vit_s32") == normalisation("timm:vit_small_patch32_224")
    assert normalisation("clip_rn50") == normalisation("timm:resnet50_clip.openai") == normalisation("clip_rn101")
    assert normalisation("resnet18") is None


def test_weights_drawn_at_random_are_a_function_of_seed_and_round() -> None:
    first, again, other = (build(TINY, 10, seed=seed) for seed in (1, 1, 2))
    name = "model.blocks.0.attn.qkv.weight"
    assert torch.equal(first.get_parameter(name), again.get_parameter(name))
    assert not torch.equal(first.get_parameter(name), other.get_parameter(name))


def hessian_product(model: nn.Module) -> list[torch.Tensor]:
    parameters = list(model.parameters())
    loss = model(torch.randn(2, 3, 32, 32)).square().sum()
    gradient = torch.autograd.grad(loss, parameters, create_graph=True)
    return list(torch.autograd.grad(gradient, parameters, [torch.ones_like(g) for g in gradient]))


def test_attention_has_a_second_derivative_only_within_twice_differentiable() -> None:
    """If this fails outside no longer, torch has learnt it, and the context has nothing left to do."""
    model = build(TINY, 10).requires_grad_(False)
    with twice_differentiable(model):
        assert not model.training
        assert all(tensor.isfinite().all() for tensor in hessian_product(model))
    assert model.training and not any(p.requires_grad for p in model.parameters())
    model.requires_grad_(True)
    with pytest.raises(RuntimeError, match="derivative"):
        hessian_product(model)


def test_the_curvature_of_a_vision_transformer_is_measured() -> None:
    found = curvature(build(TINY, 10), torch.randn(4, 3, 32, 32), torch.arange(4), probes=2, steps=3, batch_size=2)
    assert found.n_samples == 4 and found.trace_stderr > 0
