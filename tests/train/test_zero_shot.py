"""CLIP's zero-shot classifier is the notebook's, over an encoder that is open_clip's, and is loaded without either."""

import os
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from published import of_size, publish_clip
from torch import Tensor, nn

from sd import BadInput
from sd.train import zero_shot
from sd.train.checkpoint import load, save_as
from sd.train.datasets import data_root
from sd.train.models.pretrained import hub_name, weights_file
from sd.train.teacher import load_trained
from sd.train.zero_shot import ZeroShot, assemble, content, read_clip

CPU = torch.device("cpu")
NAMES = ("tench", "great white shark")


def lived_in(arch: str) -> nn.Module:
    """open_clip's model with random weights; batch norms have statistics, and each residual branch has an effect.

    Of its twelve layers the text encoder keeps one: how deep it is does not matter here, and takes a minute.
    """
    clip = read_clip(arch, pretrained=False)
    del clip.transformer.resblocks[1:]
    torch.manual_seed(1)
    for layer in clip.visual.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, 0.2)
            nn.init.normal_(layer.bias, 0, 0.2)
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
    found: nn.Module = clip
    return found


@pytest.fixture(scope="module", params=["clip_rn50", "clip_rn101"])
def pair(request: pytest.FixtureRequest) -> tuple[Any, ZeroShot]:
    """open_clip's model, and our classifier of two classes that was made of it."""
    torch.set_num_threads(1)
    clip = lived_in(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zero_shot, "read_clip", lambda *_, **__: clip)
        return clip, assemble(request.param, "birds:sharks", NAMES)


@torch.no_grad()
def notebooks_weights(clip: Any) -> Tensor:
    """``zeroshot_classifier`` of Prompt_Engineering_for_ImageNet.ipynb, transcribed, in float64."""
    clip = clip.double()
    tokenize = open_clip.get_tokenizer("RN50")
    directions = []
    for name in NAMES:
        texts = tokenize([template(name) for template in open_clip.OPENAI_IMAGENET_TEMPLATES])
        assert texts.shape == (80, 77)
        embeddings = clip.encode_text(texts)
        embeddings /= embeddings.norm(dim=-1, keepdim=True)
        mean = embeddings.mean(dim=0)
        directions.append(mean / mean.norm())
    clip.float()
    return torch.stack(directions)


def test_text_weights_are_the_notebooks(pair: tuple[Any, ZeroShot]) -> None:
    clip, model = pair
    wanted = notebooks_weights(clip)
    assert model.weights.dtype == torch.float32 and model.weights.shape == wanted.shape
    assert torch.allclose(model.weights.double(), wanted, atol=1e-6)
    assert abs(float(wanted[0] @ wanted[1])) < 0.9999, "two classes that no test could tell apart"


def test_logits_are_a_hundred_cosines_of_open_clips_encoder(pair: tuple[Any, ZeroShot]) -> None:
    clip, model = pair
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(2)).double()
    images[1] = images[1].abs() * 2
    with torch.no_grad():
        features = clip.double().encode_image(images)
        features /= features.norm(dim=-1, keepdim=True)
        wanted = 100 * features @ model.weights.double().T
        found = model.double()(images)
    clip.float(), model.float()
    assert torch.allclose(found, wanted, rtol=1e-9)
    assert not torch.allclose(found[0], found[1], rtol=1e-3)


def test_logits_are_not_rounded_with_the_encoder(pair: tuple[Any, ZeroShot]) -> None:
    """In bfloat16 logits between 16 and 32 would be multiples of an eighth."""
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(3))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = pair[1](images)
    assert found.dtype == torch.float32
    assert not torch.equal(found, found.bfloat16().float())


def test_a_class_has_its_direction_whatever_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = lived_in("clip_rn50")
    monkeypatch.setattr(zero_shot, "read_clip", lambda *_, **__: clip)
    alone, both = (assemble("clip_rn50", "cats:dogs", names) for names in (NAMES[1:], NAMES))
    assert torch.equal(alone.weights[0], both.weights[1])


def test_who_loads_a_classifier_needs_no_open_clip(
    pair: tuple[Any, ZeroShot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, model = pair
    sha256, _ = save_as(tmp_path, "last", content(model, "abc", "last"))
    monkeypatch.setitem(sys.modules, "open_clip", None)
    path = tmp_path / f"last-{sha256[:12]}.pt"
    saved = load(path, CPU, sha256=sha256)
    assert (saved["key"], saved["checkpoint"], saved["epoch"]) == ("abc", "last", 0)
    again = load_trained(None, path, sha256, 2, CPU)  # type: ignore[arg-type]  # the cell is not asked
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    assert isinstance(again, ZeroShot) and again.class_names == NAMES
    with torch.no_grad():
        assert torch.allclose(again(images), model(images), atol=1e-4)
    assert not again.training and not any(p.requires_grad for p in again.parameters())
    with pytest.raises(BadInput, match=r"need open_clip, .* install it with: pip install 'sd\[clip\]'"):
        assemble("clip_rn50", "cifar10")


def test_imagenets_names_and_templates_are_openais() -> None:
    names = zero_shot._names("imagenet", None)
    assert names == tuple(open_clip.IMAGENET_CLASSNAMES) == zero_shot._names("imagenetv2", None)
    assert len(names) == 1000 and names[:2] == ("tench", "goldfish") and names[-1] == "toilet paper"
    assert len(set(open_clip.OPENAI_IMAGENET_TEMPLATES)) == 80


def test_classes_without_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("svhn", "mine:flowers"):
        with pytest.raises(BadInput, match=f"{name}: what its classes are called, .* is not known; give class_names"):
            assemble("clip_rn50", name, pretrained=False)
    with pytest.raises(BadInput, match="cifar10: 2 names for 10 classes"):
        assemble("clip_rn50", "cifar10", NAMES, pretrained=False)
    of_size(monkeypatch, "imagenet", classes=2, train=8, test=4)
    with pytest.raises(BadInput, match="imagenet: 1000 names for 2 classes"):
        assemble("clip_rn50", "imagenet", pretrained=False)
    with pytest.raises(BadInput, match="resnet18: there is no zero-shot classifier of it; give one of clip_rn50, "):
        assemble("resnet18", "cifar10")


@pytest.mark.cifar10
def test_cifar10s_names_are_those_that_were_published_with_it() -> None:
    if not os.environ.get("SD_DATA"):
        pytest.skip("SD_DATA is not set")
    published = pickle.loads((data_root() / "cifar-10-batches-py" / "batches.meta").read_bytes(), encoding="utf-8")
    assert list(zero_shot._names("cifar10", None)) == published["label_names"]


def test_published_weights_are_read_from_the_cache_and_by_the_activation_they_were_trained_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with publish_clip("clip_rn50", tmp_path, monkeypatch) as clip, warnings.catch_warnings():
        warnings.simplefilter("error")
        read = read_clip("clip_rn50")
        assert "QuickGELU" in str(read.transformer)
        theirs = clip.state_dict()
        assert all(torch.equal(tensor, theirs[name].half().float()) for name, tensor in read.state_dict().items())
        path = weights_file("clip_rn50", zero_shot.FILES)
        path.write_bytes(path.read_bytes()[:5000])
        with pytest.raises(BadInput, match=r"open_clip_model\.safetensors: is not the weights of clip_rn50"):
            read_clip("clip_rn50")


@pytest.mark.parametrize("arch", zero_shot.ARCHITECTURES)
def test_the_place_of_the_weights_is_the_one_that_open_clip_knows(arch: str) -> None:
    known = open_clip.get_pretrained_cfg(zero_shot.ARCHITECTURES[arch], "openai")
    assert known["hf_hub"] == f"{hub_name(arch)}/" and known["quick_gelu"]
    assert zero_shot.FILES == (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)


def test_weights_that_are_not_there_are_named_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BadInput) as refused:
        assemble("clip_rn101", "cifar10")
    assert str(refused.value) == (
        f"clip_rn101: its weights timm/resnet101_clip.openai are not in {tmp_path} (set by HF_HOME); "
        "where there is a network, fetch them with: python -m sd.data weights clip_rn101"
    )
