"""What users bring along: a function of theirs that a grid names ``module:function``, found, called and checked."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sd import BadInput
from sd.plan.catalogue import nearest

POLICIES = ("cifar10", "svhn", "imagenet")
"""Of AutoAugment, by torchvision's names."""

if TYPE_CHECKING:
    from sd.train.datasets import Dataset


def own_model(name: str, classes: int) -> nn.Module:
    """The model that the function ``name`` makes for ``classes``.

    Raises:
        BadInput: no such module or function, or it raises, or it makes something else.
    """
    model = _called(name, classes)
    if not isinstance(model, nn.Module):
        raise BadInput(f"{name}: returned {_kind(model)}; an architecture's function returns a torch.nn.Module")
    return model


def own_dataset(name: str, root: Path) -> "Dataset":
    """The data set that the function ``name`` reads from the folder of data sets, on the CPU.

    Raises:
        BadInput: no such module or function, or it raises, or what it returns is no data set of images and labels.
    """
    from sd.train.datasets import Dataset

    data = _called(name, root)
    if not isinstance(data, Dataset):
        raise BadInput(f"{name}: returned {_kind(data)}; a data set's function returns a sd.train.datasets.Dataset")
    for split in ("train", "test"):
        images, labels = data.split(split)
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3 or not len(images):
            given = f"{images.dtype} {tuple(images.shape)}"
            raise BadInput(f"{name}: its {split} images are {given}; they should be torch.uint8 (n, 3, h, w)")
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            given = f"{labels.dtype} {tuple(labels.shape)}"
            raise BadInput(f"{name}: its {split} labels are {given}; they should be torch.int64 ({len(images)},)")
        if labels.min() < 0 or labels.max() >= data.classes:
            given = f"from {labels.min()} to {labels.max()}"
            raise BadInput(f"{name}: its {split} labels go {given}; they should be in [0, {data.classes}), its classes")
    try:
        data.normalise(data.train_images[:1])
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"{name}: its mean and std do not normalise its images ({error}); give three numbers each"
        ) from None
    if data.policy not in POLICIES or data.cutout < 1:
        hint = f"policy is one of {', '.join(POLICIES)}, cutout a number of pixels"
        raise BadInput(f"{name}: policy {data.policy!r}, cutout {data.cutout!r} cannot be used; {hint}")
    if data.class_names and len(data.class_names) != data.classes:
        given = f"{len(data.class_names)} class_names"
        raise BadInput(f"{name}: has {given} and {data.classes} classes; give a name for each class, or none")
    return data


def _called(name: str, argument: Any) -> Any:
    function = _found(name)
    try:
        return function(argument)
    except BadInput:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BadInput(f"{name}: raised {said}; called as {name.partition(':')[2]}({argument!r})") from error


def _found(name: str) -> Callable[[Any], Any]:
    """The function that ``module:function`` names."""
    module_name, _, function_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        place = f"put {module_name.partition('.')[0]}.py into this folder, beside the grid, or on PYTHONPATH"
        raise BadInput(f"{name}: module {module_name} cannot be imported ({said}); {place}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        there = [it for it, value in vars(module).items() if callable(value) and not it.startswith("_")]
        hint = nearest(function_name, there)
        raise BadInput(f"{name}: module {module_name} has no function {function_name!r}; {hint}")
    found: Callable[[Any], Any] = function
    return found


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
