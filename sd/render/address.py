"""The address of a number in the paper's tables, which leads from what is printed to the cells behind it."""

import re
from dataclasses import dataclass
from typing import Any, get_args

from sd import BadInput
from sd.plan.catalogue import ARCHITECTURES, AUGMENTATIONS, DATASETS, nearest
from sd.plan.cell import Checkpoint
from sd.plan.recipe import RECIPES

MODELS = ("T", "R1", "R2", "R3", "SAM")
METRICS = ("test_acc", "trace", "lambda_max", "trace_stderr")
CHECKPOINTS: tuple[str, ...] = get_args(Checkpoint)
EXAMPLE = "table2:ResNet18:CIFAR-10:aug:0.5:R1"

# The augmentations of Tables 1 to 3 by their short names; the others go by their own.
_SHORT = {"aa_cutout": "aug"}

# How the architectures are trained that the paper must have fine-tuned (spec H13, H14), and the data sets that have a
# recipe of their own; everything else by Appendix A.
_FINE_TUNED = {"vit_s32": "vit_finetune", "vit_b32": "vit_finetune"}
_OF_DATASET = {"svhn": "svhn", "tiny_imagenet": "tiny_imagenet"}


def papers_protocol(arch: str, dataset: str) -> str:
    """The recipe, with nothing changed, under which a place of the paper's tables is the paper's own experiment."""
    return _FINE_TUNED.get(arch) or _OF_DATASET.get(dataset, "appendix_a")


def at_checkpoint(place: str, checkpoint: str) -> str:
    """A place's address at a checkpoint: ``…:R1@last``; ``best_test``, the paper's, is not written out."""
    return place if checkpoint == "best_test" else f"{place}@{checkpoint}"


def split_checkpoint(text: str) -> tuple[str, str]:
    """An address's place, and the name behind its last ``@``, empty where there is none.

    The epoch in ``by=T@30``, a teacher that stopped early, is a part of the place.
    """
    found = re.fullmatch(r"(.*)@(?!\d)([^:@]*)", text, re.DOTALL)
    return (found[1], found[2]) if found else (text, "")


@dataclass(frozen=True)
class Address:
    """Where a number of ours stands in the paper's tables.

    Attributes:
        table: 1 to 5.
        arch, dataset, aug: as in a grid.
        alpha: of the row, which its teacher and SAM share; Table 1, which prints none, has 0.5.
        model: one of :data:`MODELS`.
        metric: one of :data:`METRICS`.
        protocol: as in the database; the paper's own (:func:`papers_protocol`) is not written out.
        checkpoint: one of :data:`CHECKPOINTS`; ``best_test``, the paper's, is not written out.
        measure_key: of the measurement of curvature, where there are several.
        difference: whether it is that of ours to the paper's.
    """

    table: int
    arch: str
    dataset: str
    aug: str
    alpha: float
    model: str
    metric: str = "test_acc"
    protocol: str = ""
    checkpoint: str = "best_test"
    measure_key: str = ""
    difference: bool = False

    def __post_init__(self) -> None:
        if not self.protocol:
            object.__setattr__(self, "protocol", papers_protocol(self.arch, self.dataset))

    def __str__(self) -> str:
        """``table2:ResNet18:CIFAR-10:aug:0.5:R1``, and where it is so ``:trace``, ``:PROTOCOL`` and ``@last``."""
        parts = [f"table{self.table}", ARCHITECTURES[self.arch].title, DATASETS[self.dataset].title]
        parts += [_SHORT.get(self.aug, self.aug), f"{self.alpha:g}", self.model]
        parts += [self.metric] if self.metric != "test_acc" else []
        parts += [self.measure_key] if self.measure_key else []
        parts += [self.protocol] if self.protocol != papers_protocol(self.arch, self.dataset) else []
        parts += ["difference"] if self.difference else []
        return at_checkpoint(":".join(parts), self.checkpoint)


def parse_address(text: str) -> Address:
    """The address that a text is.

    A grid's names do as well as the paper's, in upper or lower case; ``α=0.5`` as well as ``0.5``, ``λmax`` as well as
    ``lambda_max``, and metric and protocol in either order. T and SAM, which all α share, need none, nor does a table
    of a single α; Tables 4 and 5 need no augmentation.

    Raises:
        BadInput: it is none; the one line says which part and what would be right.
    """
    place, checkpoint = split_checkpoint(text)
    first, *parts = [part.strip() for part in place.split(":")]
    if len(parts) < 3 or not first.lower().startswith("table"):
        raise BadInput(
            f"{text!r} is not the address of a number; give TABLE:ARCH:DATASET:AUG:ALPHA:MODEL, as {EXAMPLE}"
        )
    number = int(_one_of(text, "table", first.lower().removeprefix("table"), {str(n): str(n) for n in range(1, 6)}))
    arch = _one_of(text, "architecture", parts.pop(0), _names(ARCHITECTURES))
    dataset = _one_of(text, "data set", parts.pop(0), _names(DATASETS))
    aug = _aug(text, number, parts)
    alpha = _alpha(text, number, parts)
    if not parts:
        raise BadInput(f"{text!r}: ends before the model; {nearest('', _MODEL_NAMES)}")
    model = _one_of(text, "model", parts.pop(0), _MODEL_NAMES)
    metric = next((_METRIC_NAMES[part.lower()] for part in parts if part.lower() in _METRIC_NAMES), "test_acc")
    measure_key = next((part for part in parts if _MEASURE.fullmatch(part)), "")
    difference = any(part.lower() in _DIFFERENCE for part in parts)
    known = {*_METRIC_NAMES, *_DIFFERENCE, measure_key}
    protocol = ":".join(part for part in parts if part.lower() not in known)
    if protocol and protocol.partition(" (")[0] not in RECIPES:
        raise BadInput(
            f"{text!r}: {protocol!r} is neither a metric nor a protocol; {nearest(protocol, [*METRICS, *RECIPES])}"
        )
    if checkpoint:
        checkpoint = _one_of(text, "checkpoint", checkpoint, {name: name for name in CHECKPOINTS})
    place_of = (number, arch, dataset, aug, alpha, model, metric, protocol)
    return Address(*place_of, checkpoint or "best_test", measure_key, difference)


# Tables 4 and 5 print no augmentation, and Tables 3 to 5 have one α.
_AUGS = {4: "none", 5: "crop_rotate"}
_ALPHAS = {3: 0.2, 4: 0.5, 5: 0.2}

# Who has no α of its own; Table 2, of three, is asked for T and SAM with any.
_SHARED = {"t", "teacher", "sam"}

_MODEL_NAMES = {
    **{model: model for model in MODELS},
    "teacher": "T",
    "student": "R1",
    **{f"Round {number}": f"R{number}" for number in (1, 2, 3)},
}

_METRIC_NAMES = {
    **{metric: metric for metric in METRICS},
    **dict.fromkeys(("accuracy", "acc", "top1", "test accuracy"), "test_acc"),
    **dict.fromkeys(("λmax", "λ_max", "λ max", "lambda max", "lambdamax"), "lambda_max"),
}

_MEASURE = re.compile(r"[0-9a-f]{8}")

_DIFFERENCE = ("difference", "diff", "δ")


def _aug(text: str, table: int, parts: list[str]) -> str:
    """Take the augmentation off the parts; Tables 4 and 5 need not say theirs."""
    known = {**_printed_augs(), **{short: name for name, short in _SHORT.items()}}
    lower = {name.lower() for name in known}
    if table in _AUGS and (not parts or parts[0].lower() not in lower):
        if parts and parts[0] in {"", "-", "—"}:
            parts.pop(0)
        return _AUGS[table]
    return _one_of(text, "augmentation", parts.pop(0) if parts else "", known)


def _alpha(text: str, table: int, parts: list[str]) -> float:
    """Take α off the parts, where it is among them and there is more than one."""
    first = parts[0].lower() if parts else ""
    if first in _SHARED or (table in _ALPHAS and first in {name.lower() for name in _MODEL_NAMES}):
        return _ALPHAS.get(table, 0.5)
    given = parts.pop(0) if parts else ""
    try:
        return float(given.lower().removeprefix("alpha").removeprefix("α").strip(" ="))
    except ValueError:
        raise BadInput(f"{text!r}: {given!r} is not an alpha; give a number such as 0.5") from None


def _names(known: dict[str, Any]) -> dict[str, str]:
    """A grid's name by itself and by the name in print."""
    return {name: name for name in known} | {facts.title: name for name, facts in known.items()}


def _printed_augs() -> dict[str, str]:
    return {name: name for name in AUGMENTATIONS} | {title: name for name, title in AUGMENTATIONS.items()}


def _one_of(text: str, kind: str, given: str, known: dict[str, str]) -> str:
    """What a part of an address means, in whatever case it is written."""
    found = {name.lower(): meant for name, meant in known.items()}.get(given.lower())
    if found is None:
        raise BadInput(f"{text!r}: {given!r} is not {_article(kind)}; {nearest(given, known)}")
    return found


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
