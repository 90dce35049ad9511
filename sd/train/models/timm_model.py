"""Models of the timm library, by name: the paper's Vision Transformers, and ``timm:NAME`` for any other."""

from difflib import get_close_matches
from typing import Any

from torch import nn

from sd import BadInput
from sd.train.models.resized import Resized

# The weights that timm gives for the bare names (spec H13): trained on ImageNet-21k, fine-tuned on ImageNet-1k.
VIT_S32 = "vit_small_patch32_224.augreg_in21k_ft_in1k"
VIT_B32 = "vit_base_patch32_224.augreg_in21k_ft_in1k"


def vit_s32(classes: int) -> nn.Module:
    """ViT-S/32 at 224×224, 22.5 M parameters with ten classes."""
    return timm_model(VIT_S32, classes)


def vit_b32(classes: int) -> nn.Module:
    """ViT-B/32 at 224×224, 87.5 M parameters with ten classes."""
    return timm_model(VIT_B32, classes)


def timm_model(name: str, classes: int) -> nn.Module:
    """The model of that name at its random initialisation, under a head for ``classes``.

    One that takes images of a single size only, such as a Vision Transformer, has them resized to it; any other takes
    them as they are.

    Raises:
        BadInput: timm has no model of that name.
    """
    import timm

    timm_config(name)
    model: nn.Module = timm.create_model(name, num_classes=classes)
    cfg: dict[str, Any] = model.pretrained_cfg  # type: ignore[assignment]  # an attribute that timm adds to each model
    return Resized(model, cfg["input_size"][-1]) if cfg.get("fixed_input_size") else model


def timm_config(name: str) -> Any:
    """timm's ``PretrainedCfg`` of a model: its weights' hub name and normalisation; ``None`` where it has no weights.

    Raises:
        BadInput: timm has no model of that name, or no weights of that tag (after the dot).
    """
    import timm

    try:
        if timm.is_model(name):
            return timm.get_pretrained_cfg(name)
        known = timm.list_models()
    except RuntimeError:  # a tag that it does not have
        known = timm.list_pretrained(f"{name.partition('.')[0]}.*")
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    guess = f"did you mean {' or '.join(f'timm:{it}' for it in close)}? " if close else ""
    listing = "python -c 'import timm; print(timm.list_models(pretrained=True))'"
    raise BadInput(f"'timm:{name}' is no model of timm {timm.__version__}; {guess}those with weights: {listing}")
