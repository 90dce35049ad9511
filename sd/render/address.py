"""The address of a number in the paper's tables, which leads from what is printed to the cells behind it."""

from dataclasses import dataclass, replace
from typing import Any

from sd import BadInput
from sd.plan.catalogue import ARCHITECTURES, AUGMENTATIONS, DATASETS, nearest

MODELS = ("T", "R1", "R2", "R3", "SAM")
METRICS = ("test_acc", "trace", "lambda_max")
CHECKPOINTS = ("best_test", "best_val", "last")
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

    def __post_init__(self) -> None:
        if not self.protocol:
            object.__setattr__(self, "protocol", papers_protocol(self.arch, self.dataset))

    def __str__(self) -> str:
        """``table2:ResNet18:CIFAR-10:aug:0.5:R1``, and where it is so ``:trace``, ``:PROTOCOL`` and ``@last``."""
        parts = [f"table{self.table}", ARCHITECTURES[self.arch].title, DATASETS[self.dataset].title]
        parts += [_SHORT.get(self.aug, self.aug), f"{self.alpha:g}", self.model]
        parts += [self.metric] if self.metric != "test_acc" else []
        parts += [self.protocol] if self.protocol != papers_protocol(self.arch, self.dataset) else []
        return ":".join(parts) + (f"@{self.checkpoint}" if self.checkpoint != "best_test" else "")


def parse_address(text: str) -> Address:
    """The address that a text is; a grid's names do as well as the paper's, in upper or lower case.

    Raises:
        BadInput: it is none; the one line says which part and what would be right.
    """
    place, _, checkpoint = text.partition("@")
    parts = [part.strip() for part in place.split(":", 7)]
    if len(parts) < 6 or not parts[0].lower().startswith("table"):
        raise BadInput(
            f"{text!r} is not the address of a number; give TABLE:ARCH:DATASET:AUG:ALPHA:MODEL, as {EXAMPLE}"
        )
    number = _one_of(text, "table", parts[0].lower().removeprefix("table"), {str(n): str(n) for n in range(1, 6)})
    arch = _one_of(text, "architecture", parts[1], _names(ARCHITECTURES))
    dataset = _one_of(text, "data set", parts[2], _names(DATASETS))
    aug = _one_of(text, "augmentation", parts[3], {**_printed_augs(), **{short: n for n, short in _SHORT.items()}})
    model = _one_of(text, "model", parts[5], {**{m: m for m in MODELS}, "teacher": "T"})
    try:
        alpha = float(parts[4])
    except ValueError:
        raise BadInput(f"{text!r}: {parts[4]!r} is not an alpha; give a number such as 0.5") from None
    address = Address(int(number), arch, dataset, aug, alpha, model)
    rest = parts[6:]
    if rest and rest[0] in METRICS:
        address = replace(address, metric=rest.pop(0))
    if rest:
        address = replace(address, protocol=":".join(rest))
    if checkpoint:
        known = {name: name for name in CHECKPOINTS}
        address = replace(address, checkpoint=_one_of(text, "checkpoint", checkpoint, known))
    return address


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
