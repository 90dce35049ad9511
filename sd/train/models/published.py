"""A weight file that somebody published: read without running anything in it, and put into a model."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sd import BadInput

# Under which of these names a file of more than weights holds them (``model``: our own checkpoints, too).
_INSIDE = ("state_dict", "model", "net")

# How many names an error lists.
_FEW = 3


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors by name of a file by ``torch.save``: a state dict, bare or under ``state_dict``, ``model``, ``net``.

    Raises:
        BadInput: no such file, one that cannot be read or runs code when it is, or no state dict in it.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); give a file of weights by torch.save") from None
    except pickle.UnpicklingError:
        hint = "save its state_dict() alone"
        raise BadInput(f"{path}: holds more than tensors and plain values, or is no weight file; {hint}") from None
    except Exception as error:  # torch names a damaged archive in many ways
        raise BadInput(f"{path}: is damaged ({type(error).__name__}); fetch it again") from None
    for name in _INSIDE:
        if _is_state_dict(content.get(name) if isinstance(content, dict) else None):
            content = content[name]
    if not _is_state_dict(content):
        places = ", ".join(_INSIDE)
        raise BadInput(f"{path}: holds no state dict, neither bare nor under {places}")
    weights: dict[str, Tensor] = content
    return weights


def put_weights(model: nn.Module, weights: dict[str, Tensor], *, arch: str, source: Path) -> None:
    """Load ``weights``, read from ``source``, into ``model``; every one must fit, and none may be missing.

    Raises:
        BadInput: they do not; one line that names the first few.
    """
    own = {name: tensor.shape for name, tensor in model.state_dict().items()}
    plain = {name.removeprefix("module."): tensor for name, tensor in weights.items()}  # as DataParallel names them
    try:
        model.load_state_dict(plain)
    except RuntimeError:  # torch's text has a line for each tensor
        given = {name: tensor.shape for name, tensor in plain.items()}
        other = [f"{n} {list(given[n])} for {list(s)}" for n, s in own.items() if n in given and given[n] != s]
        said = [
            _some("lacks", [name for name in own if name not in given]),
            _some("has besides", [name for name in given if name not in own]),
            _some("has of another shape", other),
        ]
        raise BadInput(f"{source}: is not of {arch}: it {'; it '.join(filter(None, said))}") from None


def _is_state_dict(content: Any) -> bool:
    return isinstance(content, dict) and bool(content) and all(isinstance(it, Tensor) for it in content.values())


def _some(what: str, names: list[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{what} {', '.join(names[:_FEW])}{more}" if names else ""
