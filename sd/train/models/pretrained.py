"""Published weights under a new head: where they lie, how they are fetched, and how a model starts from them."""

import os
from logging import ERROR
from pathlib import Path

from torch import nn

from sd import BadInput
from sd.train.models.clip_resnet import ClipClassifier
from sd.train.models.resized import Resized
from sd.train.models.timm_model import VIT_B32, VIT_S32, timm_config

# The model of timm whose weights an architecture starts from.
_PUBLISHED = {
    "vit_s32": VIT_S32,
    "vit_b32": VIT_B32,
    "clip_rn50": "resnet50_clip.openai",
    "clip_rn101": "resnet101_clip.openai",
}

# What a hub's repository calls its weights; the first that is there is taken.
_FILES = ("model.safetensors", "pytorch_model.bin")


def hub_name(arch: str) -> str:
    """The Hugging Face repository of an architecture's weights, such as ``timm/vit_small_patch32_224.augreg_…``.

    Raises:
        BadInput: there are no published weights for it.
    """
    name = arch.removeprefix("timm:") if arch.startswith("timm:") else _PUBLISHED.get(arch)
    cfg = timm_config(name) if name else None
    hub: str | None = cfg.hf_hub_id if cfg else None
    if not hub:
        known = ", ".join(_PUBLISHED)
        raise BadInput(f"{arch}: has no published weights to start from; those with are {known} and many timm:NAME")
    return hub


def weights_file(arch: str, files: tuple[str, ...] = _FILES) -> Path:
    """The file of an architecture's published weights in the Hugging Face cache; the network is never asked.

    Args:
        files: what it may be called in the repository; the first that is there is taken.

    Raises:
        BadInput: there are none for it, or they have not been fetched; the text names the command that does.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    hub = hub_name(arch)
    for name in files:
        found = try_to_load_from_cache(hub, name)
        if isinstance(found, str):
            return Path(found)
    raise BadInput(
        f"{arch}: its weights {hub} are not in {constants.HF_HUB_CACHE} (set by HF_HOME); "
        f"where there is a network, fetch them with: python -m sd.data weights {arch}"
    )


def fetch_weights(arch: str, files: tuple[str, ...] = _FILES) -> Path:
    """Download an architecture's published weights into the Hugging Face cache unless they are there.

    Args:
        files: as of :func:`weights_file`.

    Raises:
        BadInput: there are none for it, or they cannot be had; the text says why.
    """
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    from huggingface_hub.utils.logging import set_verbosity

    hub = hub_name(arch)
    set_verbosity(ERROR)  # its tries without a network are not worth a line each
    reason = "it holds none of " + ", ".join(files)
    for name in files:
        try:
            return Path(hf_hub_download(hub, name))
        except LocalEntryNotFoundError as error:
            reason = str(error.__cause__ or error)
            break
        except EntryNotFoundError:
            continue  # a repository may hold one file or the other
        except Exception as error:  # the hub's client hands on those of its HTTP library and of the disk
            reason = str(error)
            break
    said = reason.strip().splitlines()[0] if reason.strip() else "no reason was given"
    place = "or copy its files from a machine that has them, or set HF_ENDPOINT to a mirror"
    raise BadInput(f"{arch}: its weights {hub} cannot be fetched into {constants.HF_HUB_CACHE} ({said}); {place}")


def load_pretrained(model: nn.Module, arch: str) -> None:
    """Put an architecture's published weights into ``model``, all but the head, which is left as it is.

    Raises:
        BadInput: they are not there, or are not those of this architecture.
    """
    path = weights_file(arch)
    published = _published(arch, path)
    head: str | tuple[str, ...]
    if isinstance(model, ClipClassifier):
        tensors = {f"visual.{clip_name(name)}": tensor for name, tensor in published.state_dict().items()}
        head = "head."
    else:
        prefix = "model." if isinstance(model, Resized) else ""
        tensors = {prefix + name: tensor for name, tensor in published.state_dict().items()}
        classifier = published.get_classifier()  # type: ignore[operator]
        heads = classifier if isinstance(classifier, tuple) else (classifier,)  # distilled models have two
        head = tuple(
            f"{prefix}{name}." for name, module in published.named_modules() if any(module is h for h in heads)
        )
    fresh = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(head)}
    try:
        model.load_state_dict({**tensors, **fresh})
    except RuntimeError as error:
        said = str(error).splitlines()[0]
        raise BadInput(f"{arch}: its published weights do not fit the model ({said}); give init: scratch") from None


def _published(arch: str, path: Path) -> nn.Module:
    """timm's model with the weights in ``path``, each of which must be there and fit."""
    import timm

    name = arch.removeprefix("timm:") if arch.startswith("timm:") else _PUBLISHED[arch]
    try:
        model: nn.Module = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": os.fspath(path)})
    except Exception as error:  # whatever a file that is not what it should be makes its reader say
        reason = str(error).strip().splitlines()[0]
        raise BadInput(f"{path}: is not the weights of {name} ({reason}); delete it and fetch it again") from None
    return model


_CLIP_NAMES = {
    "conv1_1x1.conv": "conv1",
    "conv1_1x1.bn": "bn1",
    "conv2_kxk.conv": "conv2",
    "conv2_kxk.bn": "bn2",
    "conv3_1x1.conv": "conv3",
    "conv3_1x1.bn": "bn3",
    "shortcut.conv.conv": "downsample.0",
    "shortcut.conv.bn": "downsample.1",
    "pos_embed": "positional_embedding",
    "q": "q_proj",
    "k": "k_proj",
    "v": "v_proj",
    "proj": "c_proj",
}


def clip_name(name: str) -> str:
    """CLIP's name of a weight in timm's: ``stages.0.1.conv2_kxk.bn.bias`` is ``layer1.1.bn2.bias``."""
    part, _, rest = name.partition(".")
    if part == "stem":
        layer, kind, last = rest.split(".")
        return f"{kind}{layer.removeprefix('conv')}.{last}"
    if part == "stages":
        stage, block, rest = rest.split(".", 2)
        inside, _, last = rest.rpartition(".")
        return f"layer{int(stage) + 1}.{block}.{_CLIP_NAMES[inside]}.{last}"
    inside, dot, last = rest.rpartition(".") if "." in rest else (rest, "", "")
    return f"attnpool.{_CLIP_NAMES[inside]}{dot}{last}"
