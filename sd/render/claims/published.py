"""What the printed numbers alone say of each claim: means of unstated seeds, no pairs, no spread in Tables 1, 4 and 5.

Rows that share a teacher are one cluster. A test is made where there are six clusters or more; a statement about every
case is contradicted by one printed counterexample, and supported if every printed case agrees.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sd.render import rank_tests, statistics
from sd.render.claims.accuracy import is_monotone
from sd.render.claims.study import Row
from sd.render.statistics import Clustered
from sd.render.words import signed
from sd.store.database import Database

PrintedVerdict = Literal["supported", "contradicted", "undecided", "not printed"]

PAPER_SEEDS = 3
"""Independent runs behind a mean of Tables 2 and 3."""

_LEVEL = 0.05


@dataclass(frozen=True)
class Printed:
    """The verdict of the printed numbers, in few words, and the lines that it rests on."""

    verdict: PrintedVerdict
    short: str = ""
    evidence: tuple[str, ...] = ()


NOT_PRINTED = Printed("not printed", "", ("the paper shows this in a figure alone, or not at all",))


class PrintedTables:
    """The paper's tables, each row with its models."""

    def __init__(self, database: Database) -> None:
        self.rows: list[dict[str, Any]] = []
        for row in database.rows('SELECT * FROM published ORDER BY source, "row", id'):
            # Tables 4 and 5 print a model a row, and are one study each.
            place = (row["source"], row["row"] if row["source"] in {"Table 1", "Table 2", "Table 3"} else 0)
            if not self.rows or self.rows[-1]["place"] != place:
                same = ("source", "literature", "architecture", "dataset", "data_aug", "alpha")
                self.rows.append({"place": place, "models": {}, **{name: row[name] for name in same}})
            models = self.rows[-1]["models"]
            models.setdefault(row["model"], {})[row["metric"]] = row["mean"]
            models[row["model"]][f"{row['metric']}_std"] = row["std"]
            models[row["model"]][f"{row['metric']}_arrow"] = row["arrow"]

    def of(self, *sources: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["source"] in sources]


def arrows(tables: PrintedTables) -> tuple[int, int]:
    """How many printed arrows there are, and how many agree with the change against the previous round."""
    signs = {"up": 1, "down": -1, "same": 0}
    right = [
        signs[now["test_acc_arrow"]] == (difference > 0) - (difference < 0)
        for row in tables.of("Table 2", "Table 3")
        for before, after in (("T", "R1"), ("R1", "R2"), ("R2", "R3"))
        if (now := row["models"][after])["test_acc_arrow"]
        for difference in [round(now["test_acc"] - row["models"][before]["test_acc"], 6)]
    ]
    return len(right), sum(right)


def _accuracies(row: Row) -> dict[str, float]:
    names = {"T": "teacher", "R1": "r1", "R2": "r2", "R3": "r3", "SAM": "sam"}
    return {names[model]: values["test_acc"] for model, values in row["models"].items()}


def _sign_flip(rows: Sequence[Row], value: Callable[[dict[str, float]], float]) -> tuple[Clustered, str]:
    """The test over rows that share no teacher, and its words."""
    values = [value(_accuracies(row)) for row in rows]
    clusters = [(row["architecture"], row["dataset"], row["data_aug"]) for row in rows]
    data = Clustered(values, clusters, list(range(len(rows))))
    return data, f"sign-flip over {data.n} clusters of rows with one teacher, two-sided p {data.two_sided():.2g}"


def _by_sign(data: Clustered, direction: int) -> PrintedVerdict:
    if data.two_sided() >= _LEVEL:
        return "undecided"
    return "supported" if data.mean * direction > 0 else "contradicted"


def _c0(tables: PrintedTables) -> Printed:
    ours = {
        (row["dataset"], row["architecture"]): row["models"]["T"]["test_acc"]
        for row in tables.of("Table 1")
        if row["literature"] == "Ours"
    }
    lines, beaten = [], []
    for row in tables.of("Table 1"):
        if not row["literature"].startswith("Ours"):
            teacher, student = ours[row["dataset"], "ResNet18"], row["models"]["R1"]["test_acc"]
            beaten.append(teacher > student)
            lines.append(f"{row['dataset']}: ResNet18 teacher {teacher:g}, student of {row['literature']} {student:g}")
    short = f"{sum(beaten)} of {len(beaten)}"
    return Printed("supported" if all(beaten) else "contradicted", short, tuple(lines))


def _c1(tables: PrintedTables) -> Printed:
    lines = []
    below = []
    counts = []
    for source in ("Table 2", "Table 3"):
        rows = tables.of(source)
        gains = [round(_accuracies(row)["r1"] - _accuracies(row)["teacher"], 4) for row in rows]
        up = sum(gain > 0 for gain in gains)
        below += [row for row, gain in zip(rows, gains, strict=True) if gain <= 0]
        counts.append(f"{up} of {len(rows)}")
        lines.append(
            f"{source}: R1 above T in {up} of {len(rows)} rows, mean gain {signed(sum(gains) / len(gains), 3)} pp; by "
            f"Welch's test with n = {PAPER_SEEDS}, unadjusted, significant in {_welch(rows)} of {len(rows)}"
        )
    data, words = _sign_flip(tables.of("Table 2", "Table 3"), lambda row: row["r1"] - row["teacher"])
    lines.append(f"mean of both tables {signed(data.mean, 3)} pp: {words}: {_by_sign(data, 1)}")
    lines += [
        f"counterexample: {row['architecture']}, augmentation {row['data_aug']}, α={row['alpha']:g}: "
        f"{_accuracies(row)['r1']:.2f} after {_accuracies(row)['teacher']:.2f}"
        for row in below
    ]
    return Printed("contradicted" if below else _by_sign(data, 1), f"R1 > T in {' + '.join(counts)}", tuple(lines))


def _welch(rows: Sequence[Row]) -> int:
    def at(row: Row, model: str) -> tuple[float, float, int]:
        return row["models"][model]["test_acc"], row["models"][model]["test_acc_std"], PAPER_SEEDS

    found = [statistics.welch(at(row, "R1"), at(row, "T")) for row in rows]
    return sum(test.effect > 0 and test.p < _LEVEL for test in found)


def _c2(tables: PrintedTables) -> Printed:
    rows = tables.of("Table 2", "Table 3")
    data, words = _sign_flip(rows, is_monotone)
    rising = [row for row in rows if is_monotone(_accuracies(row)) > 0]
    printed, right = arrows(tables)
    lines = [
        f"not stepwise better in {len(rows) - len(rising)} of {len(rows)} rows; {words}",
        *(f"rises at every step: {r['architecture']}, augmentation {r['data_aug']}, α={r['alpha']:g}" for r in rising),
        f"{right} of {printed} printed arrows agree with the change against the previous round",
    ]
    return Printed(_by_sign(data, -1), f"{len(rows) - len(rising)} of {len(rows)} rows", tuple(lines))


def _pairs(tables: PrintedTables, above: str, below: str, agrees: Callable[[float], bool]) -> Printed:
    """Trace and λmax of Tables 4 and 5: every printed pair must agree."""
    lines: list[str] = []
    against: list[str] = []
    supporting: list[str] = []
    for row in tables.of("Table 4", "Table 5"):
        models = row["models"]
        if above not in models or below not in models:
            continue
        for metric, name in (("trace", "trace"), ("lambda_max", "λmax")):
            a, b = models[above][metric], models[below][metric]
            (supporting if agrees(a / b) else against).append(row["source"])
            change = signed(100 * (a / b - 1))
            lines.append(f"{row['source']} ({row['dataset']}): {name} of {above} {a:g}, of {below} {b:g} ({change} %)")
    if not against:
        return Printed("supported", ", ".join(dict.fromkeys(supporting)), tuple(lines))
    named = ", ".join(dict.fromkeys(against))
    others = [source for source in dict.fromkeys(supporting) if source not in against]
    agreeing = f"; {', '.join(others)} agrees" if others else ""
    return Printed("contradicted", f"by {named}{agreeing}", tuple(lines))


def _c6b(tables: PrintedTables) -> Printed:
    found = [_pairs(tables, model, "R1", lambda ratio: 1 / 1.2 < ratio < 1.2) for model in ("R2", "R3")]
    against = [one for one in found if one.verdict == "contradicted"]
    lines = tuple(line for one in found for line in one.evidence)
    return Printed("contradicted", against[0].short, lines) if against else Printed("supported", found[0].short, lines)


def _c14(tables: PrintedTables) -> Printed:
    lines, ps = [], []
    for row in tables.of("Table 4", "Table 5"):
        models = row["models"].values()
        accuracy = [model["test_acc"] for model in models]
        for metric, name in (("trace", "trace"), ("lambda_max", "λmax")):
            values = [model[metric] for model in models]
            rho, p = rank_tests.spearman_exact(accuracy, values)
            ps.append((rho, p))
            lines.append(
                f"{row['source']}: Spearman(accuracy, {name}) {signed(rho, 1)}, n = {len(values)}, exact p {p:.2g}"
            )
    flat = [p < _LEVEL and rho < 0 for rho, p in ps]
    return Printed("supported" if all(flat) else "undecided", "Tables 4, 5 do not show it", tuple(lines))


def _c15(tables: PrintedTables) -> Printed:
    rows = tables.of("Table 2", "Table 3")
    over_r1, words = _sign_flip(rows, lambda row: row["sam"] - row["r1"])
    over_t, _ = _sign_flip(rows, lambda row: row["sam"] - row["teacher"])
    above = sum(_accuracies(row)["sam"] > _accuracies(row)["r1"] for row in rows)
    verdict = _by_sign(over_r1, 1) if over_t.two_sided() < _LEVEL and over_t.mean > 0 else "undecided"
    tiny = next(iter(tables.of("Table 5")))
    lines = (
        f"SAM above R1 in {above} of {len(rows)} rows of Tables 2 and 3, mean {signed(over_r1.mean, 3)} pp: {words}",
        f"Table 5 prints the reverse: SAM {_accuracies(tiny)['sam']:g}, R1 {_accuracies(tiny)['r1']:g}",
    )
    return Printed(verdict, f"{above} of {len(rows)} rows", lines)


_OF: Mapping[str, Callable[[PrintedTables], Printed]] = {
    "C0": _c0,
    "C1": _c1,
    "C2": _c2,
    "C6": lambda tables: _pairs(tables, "R1", "T", lambda ratio: ratio < 1),
    "C6b": _c6b,
    "C7": lambda tables: _pairs(tables, "R1", "SAM", lambda ratio: ratio < 1),
    "C14": _c14,
    "C15": _c15,
}


def printed_verdicts(database: Database) -> dict[str, Printed]:
    """The verdict of the printed numbers by claim, for the claims on which any are printed."""
    tables = PrintedTables(database)
    return {claim: judge(tables) for claim, judge in _OF.items()}
