"""C6 to C8 and C11 to C14: is the student's minimum flatter, and does that explain its accuracy?"""

from itertools import groupby
from math import log

from sd.render.claims.claim import Claim
from sd.render.claims.finding import RATIO, SHARE
from sd.render.claims.part import Correlation, Difference, Equivalence
from sd.render.claims.study import Row, cell_of, cluster_of
from sd.store.database import Database

FLAT_MARGIN = log(1.2)
"""Ratios within ±20 % count as equally flat (spec C6b)."""

RANKS = 10
"""Fewest eigenvalues by which two spectra are compared."""


def log_ratio(row: Row, above: str, below: str) -> float | None:
    """ln(above / below); ``None`` where one is missing or not positive."""
    a, b = row[above], row[below]
    return log(a / b) if a is not None and b is not None and a > 0 and b > 0 else None


def _ratio(name: str, above: str, below: str, direction: int, *, decides: bool = True) -> Difference:
    return Difference(name, lambda row: log_ratio(row, above, below), direction, unit=RATIO, decides=decides)


def _both(above: str, below: str, direction: int, shown: str) -> tuple[Difference, ...]:
    """Trace and λmax, which decide, and two measures that no rescaling changes or that need no Hessian."""
    return (
        _ratio(f"trace, {shown}", f"{above}_trace", f"{below}_trace", direction),
        _ratio(f"λmax, {shown}", f"{above}_lambda_max", f"{below}_lambda_max", direction),
        _ratio(
            f"relative trace, {shown}", f"{above}_relative_trace", f"{below}_relative_trace", direction, decides=False
        ),
        _ratio(f"sharpness, {shown}", f"{above}_sharpness", f"{below}_sharpness", direction, decides=False),
    )


def _equal(above: str, measure: str, shown: str) -> Equivalence:
    return Equivalence(
        shown, lambda row: log_ratio(row, f"{above}_{measure}", f"r1_{measure}"), FLAT_MARGIN, unit=RATIO
    )


def _by_pair(rows: list[Row], database: Database) -> list[Row]:
    """Of pairs of spectra, one row each: mean log ratio of eigenvalues of equal rank, share of ranks at which the
    student's is smaller, less ½. Pairs of fewer than ``RANKS`` eigenvalues are left out."""
    del database
    names = ("tau", "teacher_checkpoint", "checkpoint", "split", "measure_key", "model")

    def pair(row: Row) -> str:
        return repr((cell_of(row), cluster_of(row), row["label_noise"], *(row[name] for name in names)))

    found: list[Row] = []
    for _, group in groupby(sorted(rows, key=pair), key=pair):
        ranks = list(group)
        ratios = [log_ratio(row, "student_eigenvalue", "teacher_eigenvalue") for row in ranks]
        known = [ratio for ratio in ratios if ratio is not None]
        if len(known) >= RANKS:
            lower = sum(ratio < 0 for ratio in known) / len(known) - 0.5
            found.append({**ranks[0], "log_ratio": sum(known) / len(known), "lower": lower})
    return found


C6 = Claim(
    id="C6",
    title="a student of round 1 is flatter than its teacher",
    quote="Further, a single round of self-distillation will result in a student with lower trace and λ_{max} than the "
    "teacher.",
    where="section 6; Figures 4, 5, 10–13",
    test="ln(R1 / T), paired by seed, of trace and of λmax, on each split: mean below 0, sign-flip over clusters",
    query="c06",
    source="curvature_outcomes",
    family="curvature",
    parts=_both("r1", "teacher", -1, "R1 / T"),
    asks={"rounds": 1, "measure": ["curvature"]},
)

C6B = Claim(
    id="C6b",
    title="later rounds only fluctuate around round 1",
    quote="Interestingly, performing multi-round self-distillation does not make successive students attain "
    "increasingly flatter minima, as the trace and λ_{max} of models from subsequent rounds only fluctuate around "
    "those of the student from the first round.",
    where="section 6",
    test="ln(R2 / R1) and ln(R3 / R1) of trace and of λmax, on each split: equivalent to 0 within ±20 %, two one-sided "
    "sign-flip tests over clusters",
    query="c06b",
    source="curvature_outcomes",
    family="curvature",
    parts=(
        _equal("r2", "trace", "trace, R2 / R1"),
        _equal("r3", "trace", "trace, R3 / R1"),
        _equal("r2", "lambda_max", "λmax, R2 / R1"),
        _equal("r3", "lambda_max", "λmax, R3 / R1"),
    ),
    asks={"rounds": 3, "measure": ["curvature"]},
)

C7 = Claim(
    id="C7",
    title="a student of round 1 is flatter than SAM",
    quote="Surprisingly, self-distillation implicitly finds a flatter minima than SAM, which explicitly looks for the "
    "wider minima in its objective functions.",
    where="Figure 4, caption; Figures 5 and 7",
    test="ln(R1 / SAM), paired by seed, of trace and of λmax, on each split: mean below 0, sign-flip over clusters",
    query="c07",
    source="curvature_outcomes",
    family="curvature",
    parts=_both("r1", "sam", -1, "R1 / SAM"),
    asks={"rounds": 1, "sam": True, "measure": ["curvature"]},
)

C8 = Claim(
    id="C8",
    title="augmentation makes the teacher sharper",
    quote="We notice that the teacher model trained with augmentation has a higher trace and λ_{max} than without "
    "augmentation.",
    where="section 6",
    test="ln(T with AutoAugment and Cutout / T without), paired by seed, of trace and of λmax: mean above 0, on train "
    "and on test images alike (on train images alone it may only say that the plain teacher fits them)",
    query="c08",
    source="curvature_outcomes",
    family="curvature",
    parts=(
        _ratio("trace, augmented / plain", "augmented_trace", "plain_trace", 1),
        _ratio("λmax, augmented / plain", "augmented_lambda_max", "plain_lambda_max", 1),
    ),
    asks={"aug": ["std", "aa_cutout"], "measure": ["curvature"]},
)

C11 = Claim(
    id="C11",
    title="the student's eigenvalues are closer to 0 than SAM's and the teacher's",
    quote="We can see that the overall distribution of eigenvalues of the student models is more concentrated around 0 "
    "compared to the teacher with or without SAM, therefore implying flatter minima.",
    where="section 6; Figure 7",
    test="ln(R1 / T) and ln(R1 / SAM), paired by seed, of the mean of λ² and of λmax − λmin: mean below 0, sign-flip "
    "over clusters",
    query="c11",
    source="curvature_outcomes",
    family="curvature",
    parts=(
        _ratio("mean of λ², R1 / T", "r1_second_moment", "teacher_second_moment", -1),
        _ratio("mean of λ², R1 / SAM", "r1_second_moment", "sam_second_moment", -1),
        _ratio("λmax − λmin, R1 / T", "r1_width", "teacher_width", -1),
        _ratio("λmax − λmin, R1 / SAM", "r1_width", "sam_width", -1),
    ),
    asks={"rounds": 1, "sam": True, "measure": ["curvature"]},
)

C12 = Claim(
    id="C12",
    title="the hundred largest eigenvalues of students are smaller than the teacher's",
    quote="ECDF plot of the top 100 eigenvalues approximated using PyHessian.",
    where="Figure 16 (which the text does not mention: what it shows is read as this claim)",
    test=f"mean over ranks of ln(λ of the student / λ of T) of equal rank, with {RANKS} ranks or more: below 0, "
    "sign-flip over clusters; besides, the share of ranks at which the student's is smaller (all: its ECDF lies left)",
    query="c12",
    source="curvature_outcomes",
    family="curvature",
    parts=(
        Difference("eigenvalues of R1, R2, R3 / T", lambda row: float(row["log_ratio"]), -1, unit=RATIO),
        Difference("share of smaller ranks, less ½", lambda row: float(row["lower"]), 1, unit=SHARE, decides=False),
    ),
    asks={"rounds": 3, "measure": ["curvature"], "curvature": {"top": 100, "steps": 300}},
    prepare=_by_pair,
)

C13 = Claim(
    id="C13",
    title="the loss surface is wider around students",
    quote="The borderlines of the teacher shows that it is much steeper than the students at both round 1 and 2.",
    where="section 6; Figures 8, 14 and 15",
    test="share of the surface whose loss is less than 1 above the centre's, student less teacher along the same "
    "random directions: mean above 0 for R1 and for R2, sign-flip over clusters",
    query="c13",
    source="outcomes",
    family="curvature",
    parts=tuple(
        Difference(
            f"area, {model} − T",
            lambda row: 100 * float(row["student_share"] - row["teacher_share"]),
            1,
            only=lambda row, model=model: bool(row["model"] == model),  # type: ignore[misc]  # a default binds it
        )
        for model in ("R1", "R2")
    ),
    asks={"rounds": 2, "measure": ["landscape"]},
)


def _stratum(row: Row) -> tuple[object, ...]:
    return row["protocol"], row["arch"], row["aug"]


C14 = Claim(
    id="C14",
    title="flatter models are more accurate",
    quote="We conduct extensive experiments to show that self-distillation leads to flatter minima, thereby resulting "
    "in better generalization.",
    where="abstract; section 6",
    test="Spearman's ρ of ln trace (and of λmax) and test accuracy over the models T, R1, R2, R3, SAM and seeds of one "
    "architecture and augmentation, combined by Fisher's z: below 0",
    query="c14",
    source="curvature_outcomes",
    family="curvature",
    parts=(
        Correlation("accuracy and trace", lambda row: row["trace"], lambda row: row["top1"], -1, _stratum),
        Correlation("accuracy and λmax", lambda row: row["lambda_max"], lambda row: row["top1"], -1, _stratum),
    ),
    asks={"rounds": 3, "sam": True, "measure": ["curvature"]},
)
