"""A cell: one model of a study, its teacher, and the key that is its identity."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from sd.plan.recipe import Recipe, protocol

Optimizer = Literal["sgd", "sam"]
Checkpoint = Literal["best_test", "best_val", "last"]

KEY_VERSION = 1


def checkpoint_file(checkpoint: str, sha256: str) -> str:
    """Name of a checkpoint's file in its cell's folder: ``best_test-1a2b3c4d5e6f.pt``.

    The name holds the content's hash, so two runs of one cell can never overwrite each other's checkpoint with another
    one: which file counts is said by the training record alone, which is written in one step.
    """
    return f"{checkpoint}-{sha256[:12]}.pt"


@dataclass(frozen=True, eq=False)
class Cell:
    """One model: what it is trained on, how, and by whom it is taught.

    Two cells are the same cell exactly when their keys are equal. Round 0 has no teacher, no alpha and no tau.

    Attributes:
        label_noise: fraction of the training labels that are replaced by another class, drawn from the chain's seed.
        recipe_name: the name under which the recipe was given; a label, not part of the identity.
        teacher_checkpoint: which of the teacher's checkpoints teaches (the paper: ``best_test``).
    """

    arch: str
    dataset: str
    aug: str
    label_noise: float
    recipe_name: str
    recipe: Recipe
    optimizer: Optimizer
    round: int
    seed: int
    alpha: float | None = None
    tau: float | None = None
    teacher_checkpoint: Checkpoint | None = None
    teacher: "Cell | None" = None

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits: a hash of everything that changes this cell's science, its teacher's key included."""
        teacher = self.teacher.key if self.teacher else None
        return _digest(self._science() | {"seed": self.seed, "teacher": teacher})

    @cached_property
    def setting(self) -> str:
        """A hash of the same without the seed: cells of one setting are repetitions, and a table averages over them."""
        return _digest(self._science() | {"teacher": self.teacher.setting if self.teacher else None})

    @property
    def parents(self) -> tuple["Cell", ...]:
        """The cells that must be there before this one can be made."""
        return (self.teacher,) if self.teacher else ()

    @property
    def protocol(self) -> str:
        return protocol(self.recipe_name, self.recipe)

    @property
    def column(self) -> str:
        """The cell's column in a table: ``T``, ``R1``, ``R2`` …, or ``SAM``."""
        if self.optimizer == "sam":
            return "SAM"
        return f"R{self.round}" if self.round else "T"

    @property
    def label(self) -> str:
        """A name for people: ``resnet8 digits crop noise=0.3 R1 alpha=0.5 seed=0``, and what its recipe changes."""
        noise = f" noise={self.label_noise:g}" if self.label_noise else ""
        distilled = f" alpha={self.alpha:g}" if self.alpha is not None else ""
        changed = f" {self.protocol}" if self.protocol != self.recipe_name else ""
        return f"{self.arch} {self.dataset} {self.aug}{noise} {self.column}{distilled} seed={self.seed}{changed}"

    @property
    def lineage(self) -> list["Cell"]:
        """This cell's ancestors, the first teacher first, and then the cell itself."""
        return [*(self.teacher.lineage if self.teacher else []), self]

    def to_json(self) -> dict[str, Any]:
        """Everything needed to make the cell again (:meth:`from_json`), its whole lineage included."""
        own = {name: getattr(self, name) for name in _PLAIN}
        teacher = self.teacher.to_json() if self.teacher else None
        return own | {"recipe": self.recipe.model_dump(mode="json"), "teacher": teacher}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Cell":
        """The cell that :meth:`to_json` described. Raises ``KeyError`` or ``ValueError`` where a field is wrong."""
        teacher = cls.from_json(data["teacher"]) if data["teacher"] else None
        return cls(**{name: data[name] for name in _PLAIN}, recipe=Recipe(**data["recipe"]), teacher=teacher)

    def _science(self) -> dict[str, Any]:
        science: dict[str, Any] = {
            "version": KEY_VERSION,
            "arch": self.arch,
            "dataset": self.dataset,
            "aug": self.aug,
            "optimizer": self.optimizer,
            "recipe": self.recipe.science(optimizer=self.optimizer, aug=self.aug),
            "round": self.round,
        }
        if self.label_noise:
            science["label_noise"] = self.label_noise
        if self.teacher:
            science |= {"alpha": self.alpha, "tau": self.tau, "teacher_checkpoint": self.teacher_checkpoint}
        return science

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


_PLAIN = (
    "arch",
    "dataset",
    "aug",
    "label_noise",
    "recipe_name",
    "optimizer",
    "round",
    "seed",
    "alpha",
    "tau",
    "teacher_checkpoint",
)


def _digest(science: dict[str, Any]) -> str:
    text = json.dumps(science, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
