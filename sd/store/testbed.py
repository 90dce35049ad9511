"""Testbeds: published models' accuracies on a reference test set and on a shifted one, from the files they stand in."""

import csv
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sd import BadInput, resource


@dataclass(frozen=True)
class ModelOfTestbed:
    """A published model: accuracies in percent on the reference test set (``id_``) and on the shifted one (``ood_``).

    Attributes:
        testbed: ``imagenet_v2``, ``cifar10.1`` or ``cifar10.1_v4``.
        family: ``standard``: the line is fitted on it; else what the source calls it.
        source_sha256: of the file.
    """

    testbed: str
    name: str
    family: str
    id_top1: float
    ood_top1: float
    source_sha256: str


@dataclass(frozen=True)
class _Format:
    """How a published table is read.

    Attributes:
        what: whose it is, for people.
        columns: those by which it is known, and which it must have.
        shifted: the column of the shifted accuracy, by testbed.
        name: what tells a row's model from others.
        family: which family that is.
    """

    what: str
    columns: tuple[str, ...]
    reference: str
    shifted: Mapping[str, str]
    name: Callable[[Mapping[str, str]], str] = lambda row: row["model"]
    family: Callable[[Mapping[str, str]], str] = lambda row: "standard"


@cache
def _families() -> dict[str, str]:
    """The families of ImageNet's testbed, by model: ``plotting/model_types.py`` of modestyachts/imagenet-testbed (MIT),
    less the standard models that its own plots leave out of the line (spec H23)."""
    with resource("sql", "testbed_families.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: row["family"] for row in csv.DictReader(file)}


def _of_testbed(row: Mapping[str, str]) -> str:
    early = re.fullmatch(r"resnet(18_50k|18_100k|101)_\d+_epochs", row["model"])
    return "low_accuracy_cnn" if early else _families().get(row["model"], "unknown")


_MORE_DATA = re.compile(r"in12k|in21k|in22k|laion|openai|clip|jft|ig1b|yfcc|seer|swag|webli|ssld_6m|m30m|m38m|mim")
_INTERVENED = re.compile(r"adv|^ap_|dist|ssld")


def _of_timm(row: Mapping[str, str]) -> str:
    """By the tag of its weights: standard is what was trained on ImageNet alone, without a teacher or an adversary."""
    tag = row["model"].partition(".")[2]
    return "more_data" if _MORE_DATA.search(tag) else "intervention" if _INTERVENED.search(tag) else "standard"


def _timms_name(row: Mapping[str, str]) -> str:
    return " ".join(row[name] for name in ("model", "img_size", "crop_pct", "interpolation"))


_V2 = "imagenetv2-matched-frequency-format-val"
FORMATS = (
    _Format(
        "robustness_top1s.csv of modestyachts/imagenet-testbed",
        ("model", "val", _V2),
        "val",
        {"imagenet_v2": _V2},
        family=_of_testbed,
    ),
    _Format(
        "CIFAR-10.1's table of published models",
        ("model", "cifar10_test_acc", "cifar10.1_v6_acc", "cifar10.1_v4_acc"),
        "cifar10_test_acc",
        {"cifar10.1": "cifar10.1_v6_acc", "cifar10.1_v4": "cifar10.1_v4_acc"},
    ),
    _Format(
        "timm's results on ImageNet and ImageNetV2, joined",
        ("model", "img_size", "crop_pct", "interpolation", "top1_val", "top1_v2"),
        "top1_val",
        {"imagenet_v2": "top1_v2"},
        name=_timms_name,
        family=_of_timm,
    ),
)


def read_testbed(path: Path) -> list[ModelOfTestbed]:
    """The models of a published table; a row that lacks one of the two accuracies is left out.

    Raises:
        BadInput: the file cannot be read, is in none of :data:`FORMATS`, or has an accuracy that is none, a model twice
            or none at all; one line that says where and what would be right.
    """
    try:
        content = path.read_bytes()
        lines = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: cannot be read as a CSV file ({error})") from None
    header = lines[0] if lines else []
    found = next((it for it in FORMATS if set(it.columns) <= set(header)), None)
    if found is None:
        known = "; ".join(f"{', '.join(it.columns)} ({it.what})" for it in FORMATS)
        raise BadInput(f"{path}: has the columns {', '.join(header[:6]) or '(none)'}; a testbed has {known}")
    sha256 = hashlib.sha256(content).hexdigest()
    models: dict[tuple[str, str], ModelOfTestbed] = {}
    for number, values in enumerate(lines[1:], start=2):
        row = dict(zip(header, values, strict=False))
        for testbed, column in found.shifted.items():
            if not row.get(found.reference) or not row.get(column):
                continue
            one = ModelOfTestbed(
                testbed,
                found.name(row),
                found.family(row),
                _percent(path, number, found.reference, row),
                _percent(path, number, column, row),
                sha256,
            )
            if (testbed, one.name) in models:
                raise BadInput(f"{path}:{number}: {one.name} is there twice; leave one of them")
            models[testbed, one.name] = one
    if not models:
        raise BadInput(f"{path}: has no model with both accuracies; {found.what} has")
    return list(models.values())


def _percent(path: Path, number: int, column: str, row: Mapping[str, str]) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = -1.0
    if not 0 < value < 100:
        raise BadInput(f"{path}:{number}: {column}: {row[column]!r} is not an accuracy in percent, between 0 and 100")
    return value
