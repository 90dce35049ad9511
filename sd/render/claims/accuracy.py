"""C0, C1, C2, C15 and C16: is the student more accurate than its teacher, and than what else?"""

from sd.render.claims.claim import Claim
from sd.render.claims.finding import SHARE
from sd.render.claims.part import Difference, Equivalence, EveryCell
from sd.render.claims.study import Row

STEP_MARGIN = 0.1
"""Percentage points within which two rounds count as equally accurate (spec C2)."""


def _gain(row: Row) -> float:
    return float(row["r1"] - row["teacher"])


def is_monotone(row: Row) -> float:
    """1 less ½ for a chain whose every round is better than the one before it, 0 less ½ for another."""
    return float(row["teacher"] < row["r1"] < row["r2"] < row["r3"]) - 0.5


def _beyond_selection(row: Row) -> float:
    """The gain at the chosen epochs, less what choosing them gave teacher and student on average."""
    chosen = (row["best_teacher"] - row["last_teacher"] + row["best_r1"] - row["last_r1"]) / 2
    return float(row["best_r1"] - row["best_teacher"] - chosen)


C0 = Claim(
    id="C0",
    title="our teachers beat the literature's students",
    quote="A proper choice of training hyperparameters makes a baseline teacher outperform the self-distilled students "
    "reported in Mobahi et al. (2020), Borup & Andersen (2021), and Allen-Zhu & Li (2023).",
    where="Table 1, caption; section 4",
    test="teacher less the literature's best student on the same data set: mean above 0, sign-flip over "
    "(architecture, augmentation, seed)",
    query="c00",
    source="outcomes",
    family="accuracy",
    parts=(Difference("teacher − best student of the literature", lambda row: float(row["lead"]), 1),),
    asks={"arch": "resnet18", "dataset": ["cifar10", "cifar100"], "recipe": "appendix_a"},
)

C1 = Claim(
    id="C1",
    title="a student surpasses its teacher, in all cases",
    quote="First, we show that even with a highly accurate teacher, self-distillation allows a student to surpass the "
    "teacher in all cases.",
    where="abstract; sections 4 and 5.1",
    test="R1 − T, paired by seed: (a) the mean over cells is above 0, sign-flip over clusters (architecture, "
    "augmentation, seed), whose α share a teacher; (b) every single cell's mean is above 0",
    query="c01",
    source="outcomes",
    family="accuracy",
    parts=(
        Difference("R1 − T, mean over cells", _gain, 1),
        EveryCell("R1 − T, every cell", _gain, 1),
        Difference(
            "R1 − T, teachers with AutoAugment and Cutout alone",
            _gain,
            1,
            decides=False,
            only=lambda row: bool(row["aug"] == "aa_cutout"),
        ),
    ),
    asks={"rounds": 1},
)

C2 = Claim(
    id="C2",
    title="later rounds are not stepwise better",
    quote="While a single round of self-distillation consistently makes the student outperform the teacher, performing "
    "it for multiple rounds does not result in a stepwise better student.",
    where="section 5.1",
    test="share of chains with T < R1 < R2 < R3 below one half, sign-flip over clusters (the exact binomial test where "
    f"a cluster is one chain); besides, R2 − R1 and R3 − R2 are equivalent to 0 within ±{STEP_MARGIN} pp",
    query="c02",
    source="outcomes",
    family="accuracy",
    parts=(
        Difference("share of chains that rise at every step, less ½", is_monotone, -1, unit=SHARE),
        Equivalence("R2 − R1", lambda row: float(row["r2"] - row["r1"]), STEP_MARGIN, decides=False),
        Equivalence("R3 − R2", lambda row: float(row["r3"] - row["r2"]), STEP_MARGIN, decides=False),
    ),
    asks={"rounds": 3},
)

C15 = Claim(
    id="C15",
    title="SAM is more accurate than teacher and student",
    quote="",
    where="not claimed; needed to judge C7 and C14",
    test="SAM − T and SAM − R1, paired by seed: mean above 0, sign-flip over clusters",
    query="c15",
    source="outcomes",
    family="accuracy",
    parts=(
        Difference("SAM − R1", lambda row: float(row["sam"] - row["r1"]), 1),
        Difference("SAM − T", lambda row: float(row["sam"] - row["teacher"]), 1),
    ),
    asks={"rounds": 1, "sam": True},
)

C16 = Claim(
    id="C16",
    title="the gain is more than what choosing the epoch on the test set gives",
    quote="At each round, we save the model with the highest test accuracy and use it as the teacher for the next "
    "self-distillation round.",
    where="section 5.1 (an audit: the same test set chooses the epoch and reports it)",
    test="(R1 − T at best_test) less the mean of teacher's and student's best_test − last: above 0, sign-flip over "
    "clusters; the same at every --checkpoint. best_test − last itself cannot be negative",
    query="c16",
    source="outcomes",
    family="accuracy",
    parts=(
        Difference("gain − selection", _beyond_selection, 1),
        Difference(
            "selection alone: T at best_test − T at last",
            lambda row: float(row["best_teacher"] - row["last_teacher"]),
            1,
            decides=False,
        ),
        Difference(
            "selection alone: R1 at best_test − R1 at last",
            lambda row: float(row["best_r1"] - row["last_r1"]),
            1,
            decides=False,
        ),
    ),
    asks={"rounds": 1},
)
