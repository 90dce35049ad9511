"""A cell: one model of a study, its teacher, and the key that is its identity."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from sd.plan.recipe import Recipe, protocol

Optimizer = Literal["sgd", "sam", "none"]
Origin = Literal["trained", "ensemble", "ban", "zero_shot"]
Method = Literal["distillation", "label_smoothing", "permuted", "annealed"]
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
    A cell whose origin is not ``trained`` is assembled: an ``ensemble`` averages the logits of models that were trained
    from scratch, a ``ban`` those of a chain's first models (f0, f1, …: the alpha, tau and round are the chain's and its
    last member's), and a ``zero_shot`` classifier is CLIP's, with the class names for its weights. Its optimizer is
    ``none``, and its recipe, that of its members, is a label.

    Attributes:
        label_noise: fraction of the training labels that are replaced by another class, drawn from the chain's seed.
        recipe_name: the name under which the recipe was given; a label, not part of the identity.
        teacher_checkpoint: which of the teacher's checkpoints teaches (the paper: ``best_test``).
        method: how a student is taught (``sd.train.targets``); in round 0 it says nothing.
        members: what an ensemble is made of, in order; at each checkpoint, of its members at that one.
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
    origin: Origin = "trained"
    method: Method = "distillation"
    members: tuple["Cell", ...] = ()

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits: a hash of everything that changes this cell's science, its teacher's key included."""
        return _digest(self._science() | self._of_parents("key") | {"seed": self.seed})

    @cached_property
    def setting(self) -> str:
        """A hash of the same without the seed: cells of one setting are repetitions, and a table averages over them."""
        return _digest(self._science() | self._of_parents("setting"))

    @property
    def parents(self) -> tuple["Cell", ...]:
        """The cells that must be there before this one can be made."""
        return (*self.members, *((self.teacher,) if self.teacher else ()))

    @cached_property
    def depth(self) -> int:
        """How many generations of ancestors the cell has."""
        return max((1 + parent.depth for parent in self.parents), default=0)

    @property
    def is_assembled(self) -> bool:
        """Whether the cell is put together from what is trained, rather than trained."""
        return self.origin != "trained"

    @property
    def protocol(self) -> str:
        return protocol(self.recipe_name, self.recipe)

    @property
    def stage(self) -> str:
        """What the cell is in its study: ``T``, ``R1`` …, ``SAM``, ``E3`` (an ensemble of three), ``BAN3``, ``ZS``."""
        if self.origin == "zero_shot":
            return "ZS"
        if self.members:
            return f"{'BAN' if self.origin == 'ban' else 'E'}{len(self.members)}"
        if self.optimizer == "sam":
            return "SAM"
        return f"R{self.round}" if self.round else "T"

    @property
    def first_teacher(self) -> str | None:
        """The stage of whoever began the chain, ``T`` in the paper's; ``T@30`` if it stopped after 30 epochs, early,
        and its students do not; ``None`` for a cell without a teacher."""
        if self.teacher is None:
            return None
        if self.teacher.teacher:
            return self.teacher.first_teacher
        stopped = self.teacher.recipe.stop_after
        early = f"@{stopped}" if stopped and stopped != self.recipe.stop_after else ""
        return f"{self.teacher.stage}{early}"

    @property
    def asks(self) -> bool:
        """Whether each step takes the answers of a teacher; label smoothing takes no more than their entropy."""
        return self.teacher is not None and self.method != "label_smoothing"

    @property
    def column(self) -> str:
        """The stage and whatever else than the paper's way led to it: ``R1(E3)`` was taught by an ensemble of three,
        ``R1 permuted`` by another method."""
        way = self.way
        teacher = "" if way.first_teacher in {None, "T"} else f"({way.first_teacher})"
        method = "" if way.method == "distillation" else f" {way.method}"
        return f"{self.stage}{teacher}{method}"

    @property
    def way(self) -> "Cell":
        """The cell that says how it was taught: itself or, for a born-again ensemble, the last of its chain."""
        return self.members[-1] if self.origin == "ban" else self

    @property
    def label(self) -> str:
        """A name for people: ``resnet8 digits crop noise=0.3 R1 alpha=0.5 seed=0``, and what its recipe changes."""
        noise = f" noise={self.label_noise:g}" if self.label_noise else ""
        distilled = f" alpha={self.alpha:g}" if self.alpha is not None else ""
        changed = f" {self.protocol}" if self.protocol != self.recipe_name else ""
        return f"{self.arch} {self.dataset} {self.aug}{noise} {self.column}{distilled} seed={self.seed}{changed}"

    @property
    def lineage(self) -> list["Cell"]:
        """This cell's ancestors, each once and the first teachers first, and then the cell itself."""
        return [*dict.fromkeys(ancestor for parent in self.parents for ancestor in parent.lineage), self]

    def to_json(self) -> dict[str, Any]:
        """Everything needed to make the cell again (:meth:`from_json`), its whole lineage included."""
        own = {name: getattr(self, name) for name in (*_PLAIN, *_OPTIONAL)}
        return own | {
            "recipe": self.recipe.model_dump(mode="json"),
            "teacher": self.teacher.to_json() if self.teacher else None,
            "members": [member.to_json() for member in self.members],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Cell":
        """The cell that :meth:`to_json` described. Raises ``KeyError`` or ``ValueError`` where a field is wrong."""
        return cls(
            **{name: data[name] for name in _PLAIN},
            **{name: data[name] for name in _OPTIONAL if name in data},
            recipe=Recipe(**data["recipe"]),
            teacher=cls.from_json(data["teacher"]) if data["teacher"] else None,
            members=tuple(cls.from_json(member) for member in data.get("members", ())),
        )

    def _science(self) -> dict[str, Any]:
        science: dict[str, Any] = {"version": KEY_VERSION, "arch": self.arch, "dataset": self.dataset}
        if self.is_assembled:
            return science | {"origin": self.origin}
        science |= {
            "aug": self.aug,
            "optimizer": self.optimizer,
            "recipe": self.recipe.science(optimizer=self.optimizer, aug=self.aug),
            "round": self.round,
        }
        if self.label_noise:
            science["label_noise"] = self.label_noise
        if self.teacher:
            science |= {"alpha": self.alpha, "tau": self.tau, "teacher_checkpoint": self.teacher_checkpoint}
        if self.method != "distillation":
            science["method"] = self.method
        return science

    def _of_parents(self, identity: Literal["key", "setting"]) -> dict[str, Any]:
        """The identities of the cells that this one is made from."""
        of: dict[str, Any] = {"teacher": getattr(self.teacher, identity) if self.teacher else None}
        if self.members:
            of["members"] = [getattr(member, identity) for member in self.members]
        return of

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

# Fields that the records of earlier versions do not have.
_OPTIONAL = ("origin", "method")


def _digest(science: dict[str, Any]) -> str:
    text = json.dumps(science, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
