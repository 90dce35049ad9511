"""What is missing for a table, a figure, a claim or a grid: which cells and measures, at what cost, and the command
that fills it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sd.plan.cost import REFERENCE_TFLOPS, Estimate, Paces, estimate
from sd.plan.schedule import Plan, Step
from sd.render.layout import identity, identity_headers, lay_out
from sd.render.table import Entry, Table
from sd.store.database import Database
from sd.store.pace import all_paces, kinds_of
from sd.store.progress import Known, is_trained, known_facts
from sd.store.record import cell_folder

_PLACE = ["Architecture", "Dataset", "Aug", "α"]


@dataclass(frozen=True)
class Gap:
    """What is missing of some cells.

    Attributes:
        name: what they are the cells of: ``Table 2``, or a grid's name.
        plan: all of them, each with the measures that are wanted.
        unknown: keys of those whose accuracy is not known.
        unmeasured: those that lack measures, with the measures that they lack.
        training, measuring: what it will take; cells whose facts are known are trained again where a student or a
            measure needs their checkpoint and it is not here.
        command: what fills it.
        note: what else should be known.
    """

    name: str
    plan: Plan
    unknown: frozenset[str]
    unmeasured: Mapping[str, Step]
    training: Estimate
    measuring: Estimate
    command: str
    note: str = ""

    @property
    def is_whole(self) -> bool:
        return not self.unknown and not self.unmeasured and not self.note

    @property
    def runs(self) -> list[Step]:
        """The steps that are trained, rather than assembled."""
        return [step for step in self.plan.steps.values() if not step.cell.is_assembled]

    @property
    def cells_done(self) -> str:
        """``12 of 198``."""
        return f"{len(self.plan.steps) - len(self.unknown)} of {len(self.plan.steps)}"

    @property
    def measures_done(self) -> str:
        """``12 of 66 curvature``; empty where none is wanted."""
        names = sorted({measure.name for step in self.plan.steps.values() for measure in step.measures})
        said = []
        for name in names:
            wanted = sum(m.name == name for step in self.plan.steps.values() for m in step.measures)
            lacking = sum(m.name == name for step in self.unmeasured.values() for m in step.measures)
            said.append(f"{wanted - lacking} of {wanted} {name}")
        return ", ".join(said)

    @property
    def hours(self) -> str:
        """``60.3 h``; what of it is for measures stands in brackets."""
        training, measuring = (sum(cost.seconds.values()) / 3600 for cost in (self.training, self.measuring))
        if not training and not measuring:
            return ""
        of_it = f" ({measuring:.2g} of it for measures)" if measuring and training else ""
        return f"{training + measuring:.3g} h{of_it}"

    @property
    def pace(self) -> str:
        """Where the hours come from."""
        known = self.training.measured.keys() | self.measuring.measured.keys()
        kinds = {**self.training.kinds, **self.measuring.kinds}
        others = {kind for key, kind in kinds.items() if (*self._place(key), kind) not in known}
        said = ["at the pace of cells like them"] if known else []
        for kind in sorted(others):
            device = "a GPU" if kind == "cuda" else "a few CPU cores"
            rate = f"by operations, at an assumed {REFERENCE_TFLOPS[kind]:g} TFLOP/s of {device}"
            said.append(f"the others {rate}" if known else rate)
        return "; ".join(said)

    def _place(self, key: str) -> tuple[str, str]:
        cell = self.plan.steps[key].cell
        return cell.arch, cell.dataset


@dataclass(frozen=True)
class Stock:
    """What a database has when gaps are looked for: its facts, and the paces at which its cells went, by kind."""

    known: Known
    paces: Mapping[str, Paces]

    @classmethod
    def of(cls, database: Database) -> "Stock":
        return cls(known_facts(database), all_paces(database))


def find_gap(
    name: str, plan: Plan, stock: Stock, root: Path, database: Database, *, command: str, measure: str = ""
) -> Gap:
    """What is missing of a plan.

    Args:
        measure: the name of a measure that is wanted; where no cell asks for it, the gap says so.
    """
    unknown = frozenset(key for key in plan.steps if key not in stock.known.cells)
    lacking = {key: stock.known.lacks(step) for key, step in plan.steps.items()}
    unmeasured = {key: replace(plan.steps[key], measures=measures) for key, measures in lacking.items() if measures}
    missing = unknown | unmeasured.keys()
    untrained = {key for key in plan.steps if not is_trained(cell_folder(root, key))} if missing else set()
    wanted = plan.needed(missing=missing, untrained=untrained) & plan.steps.keys()
    kinds = kinds_of(database, plan) if wanted else {}
    bare = [replace(step, measures=()) for key, step in plan.steps.items() if key in wanted]
    training = estimate([step for step in bare if step.cell.key in untrained], kinds, stock.paces)
    alone = estimate(bare, kinds, stock.paces).seconds
    whole = estimate(unmeasured.values(), kinds, stock.paces)
    measuring = replace(whole, seconds={key: time - alone.get(key, 0.0) for key, time in whole.seconds.items()})
    asked = any(measure in {m.name for m in step.measures} for step in plan.steps.values())
    note = f"no cell of the grid asks for {measure}" if measure and plan.steps and not asked else ""
    return Gap(name, plan, unknown, unmeasured, training, measuring, command, note)


def launch_command(paths: Sequence[str], steps: Iterable[Step], *, slurm: bool) -> str:
    """The command that fills a gap: on GPUs through SLURM; without GPUs also here, where there is no SLURM."""
    on_cpus = all(step.resources.gpus == 0 for step in steps)
    where = ("" if slurm else " --local") if on_cpus else " --partition gpu"
    return f"python -m sd.launch {' '.join(paths)}{where}"


def gap_table(gap: Gap) -> Table:
    """What is missing of one table, figure, claim or grid: a row for each study that lacks something."""
    short = gap.unknown | gap.unmeasured.keys()
    studies, columns = lay_out(step.cell for step in gap.plan.steps.values())
    everyone = list(dict.fromkeys([*studies, *(study for study, _ in columns)]))
    rows: list[list[str | Entry]] = []
    for study in dict.fromkeys(study for study, _ in columns):
        inside = {model: cells for (s, model), cells in columns.items() if s == study}
        if not any(cell.key in short for cells in inside.values() for cell in cells):
            continue
        untrained = {m: [c.seed for c in cells if c.key in gap.unknown] for m, cells in inside.items()}
        lacking = {m: [c.seed for c in cells if c.key in gap.unmeasured] for m, cells in inside.items()}
        rows.append([*identity(study, everyone), _listed(untrained), _listed(lacking)])
    done = f"{gap.cells_done} cells have their accuracy"
    measured = f", {gap.measures_done}" if gap.measures_done else ""
    needs = f" What is missing takes {gap.hours}, {gap.pace}." if gap.hours and gap.pace else ""
    ends = [f"fill it with: {gap.command}"] if short and gap.command else []
    return Table(
        title=f"What is missing: {gap.name}",
        caption=f"{done}{measured}.{needs}" if gap.plan.steps else "It is drawn, and needs no run.",
        headers=[
            *(identity_headers(everyone) if everyone else _PLACE),
            "Seeds without accuracy",
            "Seeds without a measure",
        ],
        rows=rows,
        notes=[gap.note] * bool(gap.note) + ["nothing is missing"] * gap.is_whole + ends,
    )


def overview_table(title: str, gaps: Sequence[Gap], *, of: str) -> Table:
    """A row for each table, figure, claim or grid: how much of it is there, what the rest takes, and its command."""
    rows: list[list[str | Entry]] = [
        [
            gap.name,
            gap.cells_done if gap.plan.steps else "",
            gap.measures_done + (f"; {gap.note}" if gap.note and gap.measures_done else gap.note),
            gap.hours,
            "" if gap.is_whole else gap.command,
        ]
        for gap in gaps
    ]
    return Table(
        title=title,
        caption="Cells whose accuracy is known, of all that are planned; what was measured of them; and the hours that "
        "a device is expected to be busy with the rest, at the pace of cells like them or else by operations "
        f"({REFERENCE_TFLOPS['cuda']:g} TFLOP/s of a GPU). Cells that several share are counted in each.",
        headers=[of, "Cells", "Measures", "Expected", "Filled by"],
        rows=rows,
    )


def _listed(seeds: Mapping[str, Sequence[int]]) -> str:
    """``T 0 1 2; R1 0 1``."""
    return "; ".join(f"{model} {' '.join(map(str, sorted(set(own))))}" for model, own in seeds.items() if own)
