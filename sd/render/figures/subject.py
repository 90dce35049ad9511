"""What a row of panels is about: one architecture under one augmentation in one study."""

from dataclasses import dataclass

from sd import BadInput
from sd.plan.catalogue import architecture, dataset
from sd.render.claims.study import Row, Study, study_of

AUGMENTED = {
    "none": "no augmentation",
    "crop": "crop",
    "std": "crop and flip",
    "crop_rotate": "crop and rotation",
    "cutout": "crop, flip, Cutout",
    "aa_cutout": "AutoAugment and Cutout",
}

# So much of a name that somebody wrote into a database stands in a figure.
_LONGEST = 180


@dataclass(frozen=True)
class Subject:
    """One architecture under one augmentation in one study."""

    study: Study
    arch: str
    aug: str

    @property
    def title(self) -> str:
        """``ResNet18 on CIFAR-10, crop and flip``; label noise, τ and who taught where they are not the paper's."""
        noise = f", label noise {self.study.label_noise:.0%}" if self.study.label_noise else ""
        tau = f", τ = {self.study.tau:g}" if self.study.tau is not None else ""
        taught = f", taught by {self.study.teacher_checkpoint}" if self.study.teacher_checkpoint else ""
        where = f"{arch_title(self.arch)} on {dataset_title(self.study.dataset)}"
        return tidy(f"{where}, {AUGMENTED.get(self.aug, self.aug)}{noise}{tau}{taught}")

    @property
    def protocol(self) -> str:
        """``the paper's protocol``, or ``recipe appendix_a (epochs 3)``."""
        return tidy(f"recipe {self.study.protocol}") if self.study.protocol else "the paper’s protocol"

    @property
    def name(self) -> str:
        """All of it, which ``--study`` picks by its words."""
        return f"{self.title}, {self.protocol}"

    def has(self, words: str) -> bool:
        """Whether its name, as printed or as a grid writes it, contains each of these words."""
        plain = f"{self.arch} {self.study.dataset} {self.aug}"
        text = f"{self.name} {plain}".casefold().replace(" %", "%")
        return all(word.strip(",") in text for word in words.casefold().split())


def subject_of(row: Row) -> Subject:
    """The subject that a row of a query belongs to."""
    return Subject(study_of(row), row["arch"], row["aug"])


def arch_title(name: str) -> str:
    """As printed; a name that is not known as it is, because a database holds what somebody wrote."""
    try:
        return tidy(architecture(name).title)
    except BadInput:
        return tidy(name)


def dataset_title(name: str) -> str:
    """The same of a data set."""
    try:
        return tidy(dataset(name).title)
    except BadInput:
        return tidy(name)


def tidy(text: str) -> str:
    """One line of printable text that is not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
