"""Which cells are judged together: one data set under one protocol, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sd import BadInput
from sd.plan.catalogue import dataset

Row = Mapping[str, Any]

PAPER = ("appendix_a", "vit_finetune", "svhn", "tiny_imagenet", "clip_student")
"""The protocols of the paper's own experiments: Appendix A, its form for two more data sets, fine-tuned ViTs (spec H14)
and Section 7. An epoch less is another protocol."""

_TAU = {"clip_student": 1.0}


@dataclass(frozen=True)
class Study:
    """Cells that are judged together: ``protocol`` is empty for the paper's own.

    In order, what is the paper's (``None``) comes before every temperature and checkpoint that is not.
    """

    dataset: str
    protocol: str
    label_noise: float = 0.0
    tau: float | None = None
    teacher_checkpoint: str | None = None

    def __lt__(self, other: "Study") -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[str, str, float, float, str]:
        tau = -1.0 if self.tau is None else self.tau
        return self.dataset, self.protocol, self.label_noise, tau, self.teacher_checkpoint or ""

    @property
    def title(self) -> str:
        """``CIFAR-10, the paper's protocol``; ``Digits, recipe digits, label noise 30%``."""
        how = f"recipe {self.protocol}" if self.protocol else "the paper’s protocol"
        noise = f", label noise {self.label_noise:.0%}" if self.label_noise else ""
        tau = f", τ={self.tau:g}" if self.tau is not None else ""
        taught = f", taught by {self.teacher_checkpoint}" if self.teacher_checkpoint else ""
        return f"{_title(self.dataset)}, {how}{noise}{tau}{taught}"


def _title(name: str) -> str:
    """A data set as it is printed; a name that is not known as it is, because a database holds what somebody wrote."""
    try:
        return dataset(name).title
    except BadInput:
        return name


def study_of(row: Row) -> Study:
    """The study that a claim's row belongs to. A temperature or a teacher's checkpoint that is not the paper's makes
    another study; models without a teacher have neither, and belong to the first."""
    name = row["protocol"]
    tau, taught = row.get("tau"), row.get("teacher_checkpoint")
    return Study(
        row["dataset"],
        "" if name in PAPER else name,
        row["label_noise"],
        None if tau in (None, _TAU.get(name, 4.0)) else tau,
        None if taught in (None, "best_test") else taught,
    )


def cluster_of(row: Row) -> tuple[Any, ...]:
    """What shares a teacher: the students of all α and rounds of one seed."""
    return row["protocol"], row["arch"], row["dataset"], row["aug"], row["seed"]


def cell_of(row: Row) -> tuple[Any, ...]:
    """What is repeated over seeds: a row of the paper's tables."""
    return row["protocol"], row["arch"], row["dataset"], row["aug"], row.get("alpha"), row.get("size")


def cell_name(row: Row) -> str:
    """``vgg16 std α=0.8``."""
    alpha = f" α={row['alpha']:g}" if row.get("alpha") is not None else ""
    size = f" size {row['size']}" if row.get("size") is not None else ""
    return f"{row['arch']} {row['aug'] or ''}{alpha}{size}".replace("  ", " ")
