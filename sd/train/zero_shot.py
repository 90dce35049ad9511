"""CLIP's zero-shot classifier: its image encoder, and for each class a direction made of texts (Section 7, spec H22).

Reference: ``notebooks/Prompt_Engineering_for_ImageNet.ipynb`` of openai/CLIP. The texts are encoded once, by open_clip;
what is kept of them is one vector a class, so that whoever loads a classifier needs neither open_clip nor its weights.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sd import BadInput
from sd.plan.catalogue import DATASETS, is_own
from sd.train.models import build
from sd.train.models.clip_resnet import SIZE, ClipClassifier, ModifiedResNet
from sd.train.models.pretrained import weights_file
from sd.train.models.resized import resize

# OpenAI's weights were trained with QuickGELU, of which open_clip's plain ``RN50`` only warns that it does not have it.
ARCHITECTURES = {"clip_rn50": "RN50-quickgelu", "clip_rn101": "RN101-quickgelu"}
"""The architectures that CLIP published both encoders of, and open_clip's names of them."""

FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""What a hub's repository calls the weights of both encoders."""

SCALE = 100.0
"""What the cosines are multiplied with: CLIP's own logit scale, at which its training clips it."""

# Whose classes are those of OpenAI's list, which open_clip ships: in the order of their WordNet ids.
_IMAGENETS = ("imagenet", "imagenetv2")

# CIFAR-10's are those of its ``batches.meta``.
_CLASS_NAMES = {
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}


class ZeroShot(nn.Module):
    """An image encoder before fixed directions: (n, 3, h, w), normalised as CLIP wants them, to logits (n, classes).

    A logit is 100 times the cosine between the image's embedding and the direction of a class.

    Attributes:
        weights: (classes, embedding), of unit length.
    """

    weights: Tensor

    def __init__(self, arch: str, visual: ModifiedResNet, weights: Tensor, class_names: tuple[str, ...]) -> None:
        super().__init__()
        self.arch, self.class_names = arch, class_names
        self.visual = visual
        self.register_buffer("weights", weights)

    def forward(self, x: Tensor) -> Tensor:
        features = self.visual(resize(x, SIZE))
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 would round a logit of 20 to eighths
            features = F.normalize(features.to(self.weights.dtype), dim=-1)
            logits: Tensor = SCALE * features @ self.weights.T
        return logits


def assemble(
    arch: str,
    dataset: str,
    class_names: Sequence[str] | None = None,
    *,
    device: torch.device | None = None,
    pretrained: bool = True,
) -> ZeroShot:
    """The zero-shot classifier of a CLIP for the classes of a data set, on the CPU, frozen, in eval mode, float32.

    The direction of a class is the mean over OpenAI's 80 templates of the normalised text embeddings, normalised
    again. Where each stands does not depend on the other classes. Torch's global random state is left as it was.

    Args:
        class_names: of the data set's classes, in the order of its labels; by default those known for ``dataset``.
        device: where the texts are encoded: 80,000 for ImageNet, 470 TFLOP, which takes hours without a GPU.
        pretrained: OpenAI's weights, from the Hugging Face cache; else random ones, always the same, for tests.

    Raises:
        BadInput: ``arch`` is none of :data:`ARCHITECTURES`; the classes have no names, or not as many as there are
            classes; open_clip is not installed; the weights are not there.
    """
    if arch not in ARCHITECTURES:
        raise BadInput(f"{arch}: there is no zero-shot classifier of it; give one of {', '.join(ARCHITECTURES)}")
    open_clip = _open_clip()
    names = _names(dataset, class_names)
    clip = read_clip(arch, pretrained=pretrained).to(device or torch.device("cpu"))
    directions: Tensor = open_clip.build_zero_shot_classifier(
        clip,
        open_clip.get_tokenizer(ARCHITECTURES[arch]),
        names,
        open_clip.OPENAI_IMAGENET_TEMPLATES,
        num_classes_per_batch=1,
        device=device or "cpu",
    )
    model = ZeroShot(arch, _encoder(arch), directions.T.float().cpu().contiguous(), names)
    model.visual.load_state_dict(clip.visual.state_dict())
    return _frozen(model)


def require(arch: str, dataset: str, *, weights: bool = True) -> None:
    """Look for what :func:`assemble` needs.

    Args:
        dataset: whose classes must have names; of a user's own they are looked at when it is read.
        weights: look for OpenAI's weights, too, besides open_clip.

    Raises:
        BadInput: open_clip is not installed, the classes have no names, or the weights are not there.
    """
    _open_clip()
    if not is_own(dataset):
        _names(dataset, None)
    if weights:
        weights_file(arch, FILES)


def content(model: ZeroShot, key: str, checkpoint: str) -> dict[str, Any]:
    """What ``sd.train.checkpoint.save_as`` writes of a classifier, and :func:`load` makes it of again."""
    return {
        "key": key,
        "checkpoint": checkpoint,
        "epoch": 0,
        "zero_shot": model.arch,
        "class_names": list(model.class_names),
        "model": model.state_dict(),
    }


def load(content: dict[str, Any], device: torch.device) -> ZeroShot:
    """The classifier of a checkpoint that :func:`content` describes, on ``device``, frozen, in eval mode."""
    arch, tensors = content["zero_shot"], content["model"]
    model = ZeroShot(arch, _encoder(arch), torch.empty_like(tensors["weights"]), tuple(content["class_names"]))
    model.load_state_dict(tensors)
    return _frozen(model.to(device, memory_format=torch.channels_last))  # type: ignore[call-overload]  # missing in torch's stubs


def read_clip(arch: str, *, pretrained: bool = True) -> Any:
    """open_clip's model, both encoders, on the CPU, in eval mode and float32; the network is never asked.

    Raises:
        BadInput: open_clip is not installed, or the weights are not there or are not this model's.
    """
    open_clip = _open_clip()
    path = weights_file(arch, FILES) if pretrained else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            model = open_clip.create_model(ARCHITECTURES[arch], pretrained=str(path) if path else None)
        except Exception as error:  # whatever a file that is not what it should be makes its reader say
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise BadInput(f"{path}: is not the weights of {arch} ({said}); delete it and fetch it again") from None
    return model.eval()


def _names(dataset: str, given: Sequence[str] | None) -> tuple[str, ...]:
    """A name for each class of the data set."""
    names = tuple(given) if given else _CLASS_NAMES.get(dataset, ())
    if not names and dataset in _IMAGENETS:
        names = tuple(map(str, _open_clip().IMAGENET_CLASSNAMES))
    if not names:
        known = ", ".join((*_IMAGENETS, *_CLASS_NAMES))
        hint = f"give class_names in a Dataset of your own, or take one of {known}"
        raise BadInput(f"{dataset}: what its classes are called, which CLIP's text encoder reads, is not known; {hint}")
    classes = DATASETS[dataset].classes if dataset in DATASETS else len(names)
    if len(names) != classes:
        raise BadInput(f"{dataset}: {len(names)} names for {classes} classes; give one for each class")
    return names


def _encoder(arch: str) -> ModifiedResNet:
    classifier = build(arch, 1)
    assert isinstance(classifier, ClipClassifier), "only CLIP's own are in ARCHITECTURES"
    return classifier.visual


def _frozen(model: ZeroShot) -> ZeroShot:
    frozen: ZeroShot = model.eval().requires_grad_(False)
    return frozen


def _open_clip() -> ModuleType:
    try:
        import open_clip
    except ImportError as error:
        hint = "install it with: pip install 'sd[clip]'"
        raise BadInput(
            f"CLIP's zero-shot teachers need open_clip, which cannot be imported ({error}); {hint}"
        ) from None
    module: ModuleType = open_clip
    return module
