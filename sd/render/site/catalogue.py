"""Every cell of a site in brief, who taught whom, and how they are grouped into studies."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sd import BadInput
from sd.plan import catalogue as known
from sd.plan.catalogue import AUGMENTATIONS
from sd.render.beside import BOTH
from sd.store.database import Database


@dataclass(frozen=True, slots=True)
class Brief:
    """A cell in brief; accuracies are on the test set, in percent."""

    key: str
    setting: str
    label: str
    arch: str
    dataset: str
    aug: str
    label_noise: float
    protocol: str
    model: str
    seed: int
    alpha: float | None
    tau: float | None
    teacher_checkpoint: str | None
    method: str | None
    origin: str
    teacher_key: str | None
    best_test: float | None
    last: float | None

    @property
    def page(self) -> str:
        """The file of its page, in the folder of cells."""
        return f"{page_name(self.key)}.html"

    @property
    def title(self) -> str:
        """``ResNet18, CIFAR-10: R2``."""
        return f"{arch_title(self.arch)}, {dataset_title(self.dataset)}: {self.model}"

    @property
    def way(self) -> str:
        """What else tells it from others: ``α = 0.5, aug std, seed 1``."""
        told = [f"α = {self.alpha:g}"] if self.alpha is not None else []
        told += [f"augmentation {self.aug}"]
        told += [f"label noise {self.label_noise:.0%}"] if self.label_noise else []
        return ", ".join([*told, self.protocol, f"seed {self.seed}"])


@dataclass(frozen=True)
class Group:
    """The cells of one data set under one protocol and label noise."""

    dataset: str
    protocol: str
    label_noise: float
    cells: Sequence[Brief]

    @property
    def title(self) -> str:
        noise = f", label noise {self.label_noise:.0%}" if self.label_noise else ""
        return f"{dataset_title(self.dataset)}, {self.protocol}{noise}"

    @property
    def archs(self) -> list[str]:
        """Its architectures, as they are printed."""
        return sorted({arch_title(cell.arch) for cell in self.cells})

    @property
    def seeds(self) -> int:
        """How many different seeds it has."""
        return len({cell.seed for cell in self.cells})

    @property
    def page(self) -> str:
        """The file of its page, in the folder of studies."""
        return f"{slug(self.title)}.html"


class Catalogue:
    """The cells of a site, in the order of their keys."""

    def __init__(self, cells: Sequence[Brief]) -> None:
        self.cells = cells
        self.by_key = {cell.key: cell for cell in cells}

    @cached_property
    def students(self) -> Mapping[str, Sequence[Brief]]:
        """The students of each cell, by round and weight."""
        found: dict[str, list[Brief]] = {}
        for cell in sorted(self.cells, key=lambda cell: (cell.model, cell.alpha or 0, cell.seed, cell.key)):
            if cell.teacher_key:
                found.setdefault(cell.teacher_key, []).append(cell)
        return found

    @cached_property
    def groups(self) -> Sequence[Group]:
        """The studies, the largest first."""
        found: dict[tuple[str, str, float], list[Brief]] = {}
        for cell in self.cells:
            found.setdefault((cell.dataset, cell.protocol, cell.label_noise), []).append(cell)
        groups = [Group(*study, cells) for study, cells in found.items()]
        return sorted(groups, key=lambda group: (-len(group.cells), group.title))

    @cached_property
    def group_of(self) -> Mapping[str, Group]:
        """The study of each cell."""
        return {cell.key: group for group in self.groups for cell in group.cells}

    def ancestors(self, cell: Brief) -> list[Brief]:
        """Its teacher, that one's teacher, …, the first of the chain first."""
        found: list[Brief] = []
        teacher = self.by_key.get(cell.teacher_key or "")
        while teacher and teacher not in found and teacher is not cell:
            found.insert(0, teacher)
            teacher = self.by_key.get(teacher.teacher_key or "")
        return found


def read_catalogue(database: Database, keys: Collection[str] | None) -> Catalogue:
    """The cells ``keys`` of a database (``None``: all)."""
    scores = "".join(
        f" LEFT JOIN evaluations {name} ON {name}.cell_key = c.key AND {name}.split = 'test'"
        f" AND {name}.checkpoint = '{name}'"
        for name in BOTH
    )
    names = [name for name in Brief.__slots__ if name not in BOTH]
    columns = ", ".join(f"c.{name}" for name in names)
    query = f"SELECT {columns}, best_test.top1 AS best_test, last.top1 AS last FROM cells c{scores} ORDER BY c.key"
    wanted = None if keys is None else set(keys)
    return Catalogue([Brief(**row) for row in database.rows(query) if wanted is None or row["key"] in wanted])


def page_name(key: str) -> str:
    """A cell's key where it is one; of anything else that a database may hold its hash, as no path may come of it."""
    return key if re.fullmatch(r"[0-9a-f]{16}", key) else hashlib.sha256(key.encode()).hexdigest()[:16]


def slug(text: str) -> str:
    """Text as the name of a file, which no other text has."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
    return f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def arch_title(name: str) -> str:
    """An architecture as it is printed; itself where it is none that is known."""
    try:
        return known.architecture(name).title
    except BadInput:
        return name


def dataset_title(name: str) -> str:
    """A data set as it is printed; itself where it is none that is known."""
    try:
        return known.dataset(name).title
    except BadInput:
        return name


def aug_title(name: str) -> str:
    """An augmentation as the paper prints it; itself where it is none that is known."""
    return AUGMENTATIONS.get(name, name)
