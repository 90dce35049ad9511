"""A model that starts from published weights: from the file in Hugging Face's cache, under a head of its own."""

import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from sd import BadInput
from sd.train.models import build
from sd.train.models.pretrained import hub_name, weights_file

TINY = "timm:test_vit.r160_in1k"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def publish(arch: str, cache: Path) -> nn.Module:
    """Random weights, in the file and the place in which the hub's own would lie."""
    torch.manual_seed(5)
    name = hub_name(arch)
    model = timm.create_model(name.removeprefix("timm/"))
    for parameter in model.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 1, 0.2)
    folder = cache / f"models--{name.replace('/', '--')}"
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    save_file(
        {key: it.contiguous() for key, it in model.state_dict().items()}, folder / "snapshots/abc/model.safetensors"
    )
    return model


@pytest.mark.parametrize("classes", [10, 1000])
def test_all_but_the_head_is_published_and_the_head_is_drawn(classes: int, cache: Path) -> None:
    """With 1000 classes the published head would fit, and is not taken either."""
    published = publish(TINY, cache).state_dict()
    first, student = (build(TINY, classes, seed=0, round_=n, pretrained=True) for n in (0, 1))
    for name, tensor in first.state_dict().items():
        if name.startswith("model.head."):
            assert name.endswith("bias") or not torch.equal(tensor, student.state_dict()[name])
            assert not torch.equal(tensor, published[name.removeprefix("model.")])
        else:
            assert torch.equal(tensor, published[name.removeprefix("model.")])
            assert torch.equal(tensor, student.state_dict()[name]), "a student starts where its teacher started"
    head = build(TINY, classes, seed=0).state_dict()["model.head.weight"]
    assert torch.equal(first.state_dict()["model.head.weight"], head)
    assert first.training


def test_the_vision_transformer_starts_from_its_own(cache: Path) -> None:
    published = publish("vit_s32", cache)
    model = build("vit_s32", 10, pretrained=True).eval()
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        features = published.eval().forward_head(published.forward_features(images), pre_logits=True)
        assert torch.allclose(model.model.head(features), model(images), atol=1e-5)


def test_clips_encoder_starts_from_timms_copy_of_its_weights(cache: Path) -> None:
    published = publish("clip_rn50", cache).eval()
    model = build("clip_rn50", 10, seed=1, pretrained=True).eval()
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.allclose(published(images), model.visual(images), rtol=1e-3, atol=1e-3)
    assert torch.equal(model.head.weight, build("clip_rn50", 10, seed=1).head.weight)


def test_weights_that_are_not_there_are_named_with_their_place_and_the_command(cache: Path) -> None:
    with pytest.raises(BadInput) as refused:
        build("vit_s32", 10, pretrained=True)
    assert str(refused.value) == (
        "vit_s32: its weights timm/vit_small_patch32_224.augreg_in21k_ft_in1k are not in "
        f"{cache} (set by HF_HOME); where there is a network, fetch them with: python -m sd.data weights vit_s32"
    )


@pytest.mark.parametrize("arch", ["resnet18", "timm:cs3darknet_s", "timm:coatnet_0_224", "json:dumps"])
def test_an_architecture_without_published_weights_says_so(arch: str) -> None:
    with pytest.raises(BadInput, match="has no published weights"):
        hub_name(arch)


def test_a_damaged_file_is_named(cache: Path) -> None:
    publish(TINY, cache)
    path = weights_file(TINY)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(BadInput, match=r"model\.safetensors: is not the weights of test_vit.r160_in1k"):
        build(TINY, 10, pretrained=True)


def test_weights_of_another_model_are_refused_rather_than_left_random(cache: Path) -> None:
    publish(TINY, cache)
    save_file({"blocks.0.norm1.weight": torch.ones(64)}, weights_file(TINY))
    with pytest.raises(BadInput, match="is not the weights of"):
        build(TINY, 10, pretrained=True)


def test_without_a_network_the_command_ends_with_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    environment.pop("HF_HUB_CACHE", None)
    command = [sys.executable, "-m", "sd.data", "weights", "vit_s32"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "vit_s32: its weights timm/vit_small_patch32_224.augreg_in21k_ft_in1k cannot be fetched into"
    )
    assert str(tmp_path / "hub") in line
