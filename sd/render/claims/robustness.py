"""C9 and C10: does a student inherit its CLIP teacher's effective robustness?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any

import numpy as np
from scipy import stats

from sd.render.claims.claim import Claim
from sd.render.claims.part import EveryModel, Trend
from sd.render.claims.study import Row
from sd.store.database import Database

GAIN = 15.0
"""Points that larger α are said to add to the accuracy of α = 0."""


@dataclass(frozen=True)
class Line:
    """The line through the standard models: logit of the shifted accuracy on logit of the reference accuracy.

    Taori et al. (2020); Miller et al. (2021). A model's effective robustness is what it has beyond the line.

    Attributes:
        sigma: standard deviation of the residuals (n − 2).
        n, mean, sxx: of the reference logits: their number, mean, and sum of squared distances from it.
        r_squared: share of the variance that the line explains.
    """

    slope: float
    intercept: float
    sigma: float
    n: int
    mean: float
    sxx: float
    r_squared: float

    @classmethod
    def through(cls, reference: Sequence[float], shifted: Sequence[float]) -> "Line":
        """Least squares through accuracies in percent, of three models or more."""
        x, y = np.array([_logit(v) for v in reference]), np.array([_logit(v) for v in shifted])
        slope, intercept = (float(value) for value in np.polyfit(x, y, 1))
        residual = y - slope * x - intercept
        sxx, syy = (float(((values - values.mean()) ** 2).sum()) for values in (x, y))
        left = float((residual**2).sum())
        return cls(slope, intercept, sqrt(left / (len(x) - 2)), len(x), float(x.mean()), sxx, 1 - left / syy)

    def expected(self, reference: float) -> float:
        """Shifted accuracy in percent of a standard model with this reference accuracy."""
        return 100 / (1 + exp(-(self.slope * _logit(reference) + self.intercept)))

    def p(self, reference: float, shifted: float) -> float:
        """Two-sided p that a standard model lies as far from the line: Student's t with the prediction's error."""
        x = _logit(reference)
        error = self.sigma * sqrt(1 + 1 / self.n + (x - self.mean) ** 2 / self.sxx)
        distance = abs(_logit(shifted) - self.slope * x - self.intercept)
        return float(2 * stats.t.sf(distance / error, self.n - 2))


def _logit(percent: float) -> float:
    """Of an accuracy in percent; none and all right, which have no logit, are taken for 0.001 % and 99.999 %."""
    within = min(max(percent, 0.001), 99.999)
    return log(within / (100 - within))


# What the students of one sweep over α have in common.
_SWEEP = ("protocol", "arch", "dataset", "aug", "tau", "seed", "checkpoint", "measure_key")


def with_effective_robustness(rows: list[Row], database: Database) -> list[Row]:
    """Each student's row with its effective robustness and its p, and its distances from its teacher and theirs.

    The distances' p are those of two independent shares (single runs: what varies is the test images). Students of a
    testbed with fewer than three standard models, or without a teacher, are left out.
    """
    standard = database.rows("SELECT testbed, id_top1, ood_top1 FROM testbeds WHERE family = 'standard'")
    found: list[Row] = []
    for testbed in sorted({row["testbed"] for row in rows}):
        points = [row for row in standard if row["testbed"] == testbed]
        if len(points) < 3:
            continue
        line = Line.through([row["id_top1"] for row in points], [row["ood_top1"] for row in points])
        teachers = [row for row in rows if row["testbed"] == testbed and row["model"] == "ZS"]
        students = [row for row in rows if row["testbed"] == testbed and row["model"] != "ZS"]
        for row in students:
            teacher = _teacher(row, teachers)
            if teacher:
                found.append(_student(row, teacher, students, line))
    return found


def _teacher(student: Row, teachers: Sequence[Row]) -> Row | None:
    """The zero-shot classifier that taught, measured as the student was if it can be."""
    own = [row for row in teachers if all(row[name] == student[name] for name in ("arch", "dataset"))]
    return max(own, key=lambda row: [row[n] == student[n] for n in ("measure_key", "checkpoint")], default=None)


def _student(row: Row, teacher: Row, students: Sequence[Row], line: Line) -> Mapping[str, Any]:
    robustness = row["ood_top1"] - line.expected(row["id_top1"])
    start = [other for other in students if other["alpha"] == 0 and all(other[name] == row[name] for name in _SWEEP)]
    gain = row["id_top1"] - start[0]["id_top1"] if start and row["alpha"] else None
    return {
        **row,
        "robustness": robustness,
        "robustness_p": line.p(row["id_top1"], row["ood_top1"]),
        "retained": robustness / (teacher["ood_top1"] - line.expected(teacher["id_top1"])),
        "id_change": row["id_top1"] - teacher["id_top1"],
        "id_change_p": _p_of_shares(row, teacher, "id"),
        "ood_change": row["ood_top1"] - teacher["ood_top1"],
        "ood_change_p": _p_of_shares(row, teacher, "ood"),
        "beyond_gain": gain - GAIN if gain is not None else None,
        "beyond_gain_p": None if gain is None else _p_of_shares(row, start[0], "id", less=GAIN),
    }


def _p_of_shares(a: Row, b: Row, test_set: str, *, less: float = 0.0) -> float:
    (one, n), (other, m) = ((row[f"{test_set}_top1"] / 100, row[f"{test_set}_images"]) for row in (a, b))
    error = sqrt(one * (1 - one) / n + other * (1 - other) / m)
    return float(2 * stats.norm.sf(abs(one - other - less / 100) / error)) if error else 1.0


def _best_of_sweep(rows: list[Row], database: Database) -> list[Row]:
    """Every student, and the gain over α = 0 at the α where it is largest alone."""
    found = with_effective_robustness(rows, database)
    best: dict[tuple[Any, ...], Row] = {}
    for row in found:
        sweep = tuple(row[name] for name in (*_SWEEP, "testbed"))
        if row["beyond_gain"] is not None and (sweep not in best or row["beyond_gain"] > best[sweep]["beyond_gain"]):
            best[sweep] = row
    chosen = {id(row) for row in best.values()}
    return [row if id(row) in chosen else {**row, "beyond_gain": None} for row in found]


def _at_alpha_0(name: str) -> Any:
    return lambda row: row[name] if row["alpha"] == 0 else None


def _sweep(row: Row) -> tuple[Any, ...]:
    return row["arch"], row["dataset"], row["seed"], row["testbed"]


_ASKS = {"teacher": "zero_shot", "rounds": 1, "measure": ["robustness"]}

C9 = Claim(
    id="C9",
    title="students at α = 0 inherit the teacher's effective robustness",
    quote="such student models *also* lie above the best fit line corresponding to standard testbedsm and therefore "
    "inherit the teacher’s robustness; however, we also observe that the students achieve slightly worse ID and OOD "
    "performance compared to their corresponding teachers",
    where="section 7; Figure 9, left",
    test="every student at α = 0 lies above the line through the standard models (logit scale), p from its prediction "
    "error; reference and shifted accuracy are below the teacher's, p from the number of images",
    query="c09",
    source="outcomes",
    family="robustness",
    parts=(
        EveryModel("effective robustness at α = 0", _at_alpha_0("robustness"), lambda row: row["robustness_p"], 1),
        EveryModel(
            "reference accuracy, student − teacher", _at_alpha_0("id_change"), lambda row: row["id_change_p"], -1
        ),
        EveryModel(
            "shifted accuracy, student − teacher", _at_alpha_0("ood_change"), lambda row: row["ood_change_p"], -1
        ),
    ),
    asks={"arch": ["clip_rn50", "clip_rn101"], **_ASKS, "alpha": [0]},
    tables=("robustness", "testbeds"),
    prepare=with_effective_robustness,
)

C10 = Claim(
    id="C10",
    title="larger α: more accurate, less robust",
    quote="Student models gain in-distribution accuracy but lose effective robustness quickly as α is increased.",
    where="Figure 9, right, caption; section 7 (“up to more than 15% in base accuracy”)",
    test="over the α of one teacher, Kendall's τ of α with the reference accuracy is above 0 and with the effective "
    "robustness below 0, exact; the largest gain over α = 0 is above 15 points, p from the number of images",
    query="c09",
    source="outcomes",
    family="robustness",
    parts=(
        Trend("reference accuracy on α", lambda row: row["alpha"], lambda row: row["id_top1"], 1, _sweep),
        Trend("effective robustness on α", lambda row: row["alpha"], lambda row: row["robustness"], -1, _sweep),
        EveryModel(
            "largest gain over α = 0, less 15", lambda row: row["beyond_gain"], lambda row: row["beyond_gain_p"], 1
        ),
    ),
    asks={"arch": "clip_rn50", **_ASKS, "alpha": [0, 0.2, 0.5, 0.8, 1]},
    tables=("robustness", "testbeds"),
    prepare=_best_of_sweep,
)
