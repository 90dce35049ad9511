"""The sixteen figures: what each shows in the paper, the query that finds it, and the grid that makes it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sd.plan.catalogue import architecture, dataset
from sd.render.claims.study import Study

Painter = Literal[
    "diagram", "ban", "teachers", "curves", "fidelity", "spectrum", "ecdf", "contour", "heat", "surface", "robustness"
]

_CHAIN = r"T|R\d+|SAM"


@dataclass(frozen=True)
class Entry:
    """A figure of the paper.

    Attributes:
        subject: in a few words, ours.
        painter: what draws it, and the name of its caption's template.
        query: ``sql/figures/QUERY.sql``; empty for the one that is only drawn.
        source: the view whose rows are the query's ``chosen``.
        table: the table that holds its facts, beside the test accuracies; ``None`` if these are all it needs.
        having: which of its rows ``f`` are facts for the figure, as a condition of SQL; empty: all.
        facts: the same in words.
        study: the paper's.
        shown: architecture and augmentation of each of the paper's rows of panels.
        models: a pattern of the models (columns of a table) that it shows.
        core: a pattern of those without which there is nothing to show.
        alpha: the one that it shows, where it shows one.
        grid: makes it as the paper has it.
        asks: what a grid of another study must say.
    """

    number: int
    subject: str
    painter: Painter
    query: str = ""
    source: Literal["outcomes", "curvature_outcomes"] = "outcomes"
    table: str | None = None
    having: str = ""
    facts: str = ""
    study: Study = field(default_factory=lambda: Study("cifar10", ""))
    shown: tuple[tuple[str, str], ...] = ()
    models: str = ""
    core: str = r"R\d+"
    alpha: float | None = None
    grid: str = ""
    asks: str = ""

    @property
    def papers(self) -> str:
        """What the paper shows: ``VGG16 and ViT-S/32 on CIFAR-10``."""
        archs = " and ".join(dict.fromkeys(architecture(arch).title for arch, _ in self.shown))
        return f"{archs} on {dataset(self.study.dataset).title}"

    @property
    def title(self) -> str:
        """Its subject and what the paper shows."""
        return f"{self.subject}, {self.papers}" if self.shown else self.subject

    @property
    def fine(self) -> bool:
        """Whether it shows each model in many numbers, so that the finest measurement is the best."""
        return self.painter in ("spectrum", "ecdf", "contour", "heat", "surface")

    def concerns(self, model: str) -> bool:
        """Whether a model (``T``, ``R1`` …) is one that the figure shows."""
        return re.fullmatch(self.models, model) is not None

    def needs(self, model: str) -> bool:
        """Whether it is one without which there is nothing to show."""
        return re.fullmatch(self.core, model) is not None


def _curves(number: int, shown: tuple[tuple[str, str], ...], grid: str, data: str = "cifar10") -> Entry:
    return Entry(
        number,
        "Curvature by round",
        "curves",
        query="figure4",
        source="curvature_outcomes",
        table="curvature",
        facts="curvature of students",
        study=Study(data, ""),
        shown=shown,
        models=_CHAIN,
        grid=grid,
        asks="rounds: 3, alpha: [0.2, 0.5, 0.8], sam: true, measure: [curvature]",
    )


def _surface(number: int, subject: str, painter: Painter) -> Entry:
    return Entry(
        number,
        subject,
        painter,
        query="figure8",
        table="landscapes",
        having="f.directions = 'random'",
        facts="loss surfaces of students along random directions",
        study=Study("cifar10", "li2018"),
        shown=(("resnet20_noskip", "std"),),
        models="T|R1|R2",
        core="R1",
        alpha=0.2,
        grid="jobs/figure8.yaml",
        asks="rounds: 2, alpha: 0.2, measure: [landscape]",
    )


_RESNET18 = (("resnet18", "aa_cutout"),)
_VGG16 = (("vgg16", "aa_cutout"),)

FIGURES: Mapping[int, Entry] = {
    entry.number: entry
    for entry in (
        Entry(1, "Two rounds of self-distillation", "diagram"),
        Entry(
            2,
            "Born-again ensembles against ensembles of models trained from scratch",
            "ban",
            query="figure2",
            facts="born-again ensembles",
            shown=_RESNET18,
            models=r"T|E\d+|BAN\d+",
            core=r"BAN\d+",
            grid="jobs/figure2.yaml",
            asks="rounds: 3, alpha: [0.2, 0.5, 0.8], ban: [2, 3], ensembles: {sizes: [2, 3]}",
        ),
        Entry(
            3,
            "Students of ensembles",
            "teachers",
            query="figure3",
            facts="students of ensembles",
            shown=_RESNET18,
            models=r"T|E\d+|R1|R1\(E\d+\)",
            core=r"R1\(E\d+\)",
            grid="jobs/figure3.yaml",
            asks="rounds: 1, alpha: 0.5, teacher: ensemble, ensembles: {sizes: [2, 3]}",
        ),
        _curves(4, (("resnet18", "std"), *_RESNET18), "jobs/table2.yaml"),
        _curves(5, (*_VGG16, ("vit_s32", "aa_cutout")), "jobs/table2.yaml"),
        Entry(
            6,
            "How far each student's logits are from its teacher's",
            "fidelity",
            query="figure6",
            table="fidelity",
            facts="distances of students' logits from their teachers'",
            shown=_RESNET18,
            models=r"R\d+",
            grid="jobs/table2.yaml",
            asks="rounds: 3, alpha: [0.2, 0.5, 0.8], measure: [fidelity]",
        ),
        Entry(
            7,
            "Spectral density of the Hessian",
            "spectrum",
            query="figure7",
            source="curvature_outcomes",
            table="spectra",
            facts="spectra of students",
            shown=_RESNET18,
            models=_CHAIN,
            alpha=0.5,
            grid="jobs/table2.yaml",
            asks="rounds: 3, alpha: 0.5, sam: true, measure: [curvature]",
        ),
        _surface(8, "Contours of the loss surface", "contour"),
        Entry(
            9,
            "Accuracy under a shift of the data against accuracy without it",
            "robustness",
            query="figure9",
            table="robustness",
            having="f.shift IN ('imagenetv2', 'cifar10.1')",
            facts="accuracies under a natural shift",
            study=Study("imagenet", ""),
            shown=(("clip_rn50", "none"), ("clip_rn101", "none")),
            models=rf"{_CHAIN}|ZS|R\d+\(ZS\)",
            core=r"R\d+(\(ZS\))?",
            grid="jobs/figure9.yaml",
            asks="rounds: 1, alpha: [0, 0.2, 0.5, 0.8], measure: [robustness]",
        ),
        _curves(10, _VGG16, "jobs/figure10.yaml", "cifar100"),
        _curves(11, _VGG16, "jobs/table2.yaml"),
        _curves(12, _RESNET18, "jobs/figure12.yaml", "cifar100"),
        _curves(13, (("resnet20", "aa_cutout"),), "jobs/table3.yaml"),
        _surface(14, "Heat map of the loss surface", "heat"),
        _surface(15, "The loss surface in three dimensions", "surface"),
        Entry(
            16,
            "The hundred largest eigenvalues of the Hessian",
            "ecdf",
            query="figure16",
            source="curvature_outcomes",
            table="eigenvalues",
            having='f."rank" >= 10',
            facts="largest eigenvalues of students, ten or more of each",
            shown=_RESNET18,
            models=_CHAIN,
            alpha=0.5,
            grid="jobs/table2.yaml",
            asks="rounds: 3, alpha: 0.5, sam: true, measure: [curvature], curvature: {top: 100, steps: 300}",
        ),
    )
}
