"""C3, C4 and C5: ensembles, born-again ensembles, and how alike student and teacher become."""

from math import log

from sd.render.claims.claim import Claim
from sd.render.claims.part import Difference, EveryCell, Rounds, Slope, Trend
from sd.render.claims.study import Row, cell_of, cluster_of


def _gap(row: Row) -> float:
    return float(row["gap"])


def _log(name: str, row: Row) -> float | None:
    return log(row[name]) if row[name] > 0 else None


C3 = Claim(
    id="C3",
    title="ensembles beat born-again networks, less so at larger α",
    quote="The ensemble out-performs BAN at all stages, implying that training an ensemble is more effective than "
    "multiple rounds of self-distillation. […] Notice that as α increases, or as the dependency of the student on the "
    "teacher decreases, BAN performance comes closer to that of an ensemble classifier.",
    where="Figure 2, caption; section 5.2",
    test="ensemble − BAN of the same size and seed: (a) mean above 0, sign-flip over seeds; (b) above 0 for every (α, "
    "size); (c) slope of the gap on α below 0, sign-flip over seeds",
    query="c03",
    source="outcomes",
    family="ensembles",
    parts=(
        Difference("ensemble − BAN, mean", _gap, 1),
        EveryCell("ensemble − BAN, every α and size", _gap, 1),
        Slope("gap on α", lambda row: row["alpha"], _gap, -1),
    ),
    asks={"rounds": 3, "ban": [2, 3, 4], "ensembles": {"sizes": [2, 3, 4]}},
)

C4 = Claim(
    id="C4",
    title="the more models teach, the better the student",
    quote="As more models are used as teachers, the student performance improves.",
    where="Figure 3, caption; section 5.1",
    test="accuracy of R1 rises with the size of the ensemble that teaches it: Kendall's τ within (cell, seed), exact",
    query="c04",
    source="outcomes",
    family="ensembles",
    parts=(
        Trend(
            "accuracy of R1 on the number of teachers",
            lambda row: row["teachers"],
            lambda row: row["r1"],
            1,
            lambda row: (cell_of(row), cluster_of(row)),
        ),
    ),
    asks={"rounds": 1, "teacher": "ensemble", "ensembles": {"sizes": [2, 3, 4, 5, 6, 7, 8, 9]}},
)

C5 = Claim(
    id="C5",
    title="students become more like their teachers with each round",
    quote="We can see that the more self-distillation rounds that we perform, the more similar the predictive logits "
    "of the student model and those of its teacher model.",
    where="section 5.2; Figure 6",
    test="mean squared difference of the logits of student and teacher falls over rounds 1, 2, 3: Page's L, exact, a "
    "block for each seed, with its α averaged; both as the logits are and less their mean (which softmax ignores)",
    query="c05",
    source="outcomes",
    family="ensembles",
    parts=(
        Rounds("MSE of logits by round", lambda row: _log("mse", row), -1),
        Rounds("MSE of centred logits by round", lambda row: _log("mse_centred", row), -1),
    ),
    asks={"rounds": 3, "measure": ["fidelity"]},
    tables=("fidelity",),
)
