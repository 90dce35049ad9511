"""What is missing of the paper: its tables and figures, its claims, and every grid in ``jobs/``; and what all takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sd import resource
from sd.plan.artefacts import ARTEFACTS, CLAIMS, Artefact, artefact, counted_once, grid_plan
from sd.plan.cost import REFERENCE_TFLOPS, Paces, estimate, petaflop
from sd.plan.measure import Measure
from sd.plan.schedule import Plan, Step
from sd.render.missing import Gap, Stock, find_gap, gap_table, launch_command, overview_table
from sd.render.table import Entry, Table
from sd.store.database import Database
from sd.store.pace import all_paces, kinds_of
from sd.store.record import cell_folder, records_of


@dataclass(frozen=True)
class Look:
    """Where to look for what is there: the database, the folder of runs, whether there is a SLURM, and which tier."""

    database: Database
    root: Path
    slurm: bool
    minimal: bool = False

    def stock(self, plan: Plan) -> Stock:
        """What the database has, once the records of a plan's cells have been taken in."""
        self.database.ingest(path for key in plan.steps for path in records_of(cell_folder(self.root, key)))
        return Stock.of(self.database)

    def gap(self, name: str, paths: list[str], steps: Iterable[Step], stock: Stock, measure: str = "") -> Gap:
        plan = Plan(name, {step.cell.key: step for step in steps})
        more = " --minimal" if self.minimal else ""
        command = launch_command(paths, plan.steps.values(), slurm=self.slurm) + more if plan.steps else ""
        return find_gap(name, plan, stock, self.root, self.database, command=command, measure=measure)


def missing_of_artefact(kind: str, number: str, look: Look) -> list[Table]:
    """What is missing of ``Table 2`` or ``Figure 4``, or of each (``all``). Raises ``BadInput`` where the paper has no
    such thing."""
    if number == "all":
        numbers = sorted(int(it.name.split()[1]) for it in ARTEFACTS if it.name.startswith(kind))
        return [table for each in numbers for table in missing_of_artefact(kind, str(each), look)]
    it = artefact(kind, number)
    stock = look.stock(grid_plan(it.grid)) if it.grid else Stock.of(look.database)
    return [gap_table(_artefact_gap(it, look, stock))]


def missing_of_grid(plan: Plan, paths: list[Path], look: Look) -> list[Table]:
    """What is missing of a user's grids."""
    stock = look.stock(plan)
    return [gap_table(look.gap(plan.name, list(map(str, paths)), plan.steps.values(), stock))]


def missing_of_claims(look: Look) -> list[Table]:
    """What is missing of the paper's experiments for each claim."""
    stock = look.stock(grid_plan("paper"))
    gaps = [_claim_gap(claim, names, look, stock) for claim, names in CLAIMS.items()]
    table = overview_table("What is missing for the paper's claims", gaps, of="Claim")
    rows = [[row[0], ", ".join(CLAIMS[str(row[0])]), *row[1:]] for row in table.rows]
    return [replace(table, headers=[table.headers[0], "Facts from", *table.headers[1:]], rows=rows)]


def missing_of_everything(look: Look) -> list[Table]:
    """One overview of the paper's tables and figures, and one of the grids in ``jobs/``."""
    plans = {path.stem: grid_plan(path.stem, minimal=look.minimal) for path in _grids()}
    stock = look.stock(Plan("all", {key: step for plan in plans.values() for key, step in plan.steps.items()}))
    shown = sorted(ARTEFACTS, key=lambda it: (not it.name.startswith("Table"), int(it.name.split()[1])))
    artefacts = [_artefact_gap(it, look, stock) for it in shown]
    grids = [look.gap(name, [f"jobs/{name}.yaml"], plan.steps.values(), stock) for name, plan in plans.items()]
    return [
        overview_table("What is missing for the paper's tables and figures", artefacts, of="Item"),
        overview_table("What is missing of the grids", grids, of="Grid"),
    ]


def cost_of_artefacts(look: Look) -> Table:
    """What each table and figure of the paper takes: its training runs, those that no earlier one has, and their cost.

    In the order in which they are counted: Table 2 first, of which many others show cells.
    """
    rows: list[list[str | Entry]] = []
    paces = all_paces(look.database)
    runs, petaflops, hours = 0, 0.0, 0.0
    for it, steps, new in counted_once(minimal=look.minimal):
        trained, fresh = ([replace(s, measures=()) for s in of if not s.cell.is_assembled] for of in (steps, new))
        cost = sum(petaflop(step.cell) or 0.0 for step in fresh)
        taken = _hours(look.database, paces, it.name, fresh)
        rows.append([it.name, it.path if it.grid else "", str(len(trained)), str(len(fresh)), *_cost(cost, taken)])
        runs, petaflops, hours = runs + len(fresh), petaflops + cost, hours + taken
    rows.append(["all", "jobs/paper.yaml", "", str(runs), *_cost(petaflops, hours)])
    return Table(
        title="What the paper's tables and figures take" + (", the minimal tier" if look.minimal else ""),
        caption="Training runs of each, and those among them that nothing above has; operations (2 a multiply-add) and "
        "hours of a device are of the latter, measures left out: at the pace of cells like them where there were any, "
        f"else at an assumed {REFERENCE_TFLOPS['cuda']:g} TFLOP/s of a GPU.",
        headers=["Item", "Grid", "Runs", "New runs", "PFLOP", "Expected"],
        rows=rows,
        notes=["what of it is done already, and the commands that do the rest: python -m sd.report --missing"],
    )


def _cost(petaflops: float, hours: float) -> list[str | Entry]:
    return [f"{petaflops:,.0f}" if petaflops else "", f"{hours:,.1f} h" if hours else ""]


def _hours(database: Database, paces: Mapping[str, Paces], name: str, steps: list[Step]) -> float:
    plan = Plan(name, {step.cell.key: step for step in steps})
    return sum(estimate(steps, kinds_of(database, plan), paces).seconds.values()) / 3600 if steps else 0.0


def _artefact_gap(it: Artefact, look: Look, stock: Stock) -> Gap:
    return look.gap(it.name, [it.path], it.steps(minimal=look.minimal), stock, it.measure)


def _claim_gap(claim: str, names: tuple[str, ...], look: Look, stock: Stock) -> Gap:
    """Of all that a claim's facts come from: accuracy, and the measure of the figures that it is read off."""
    items = [it for it in ARTEFACTS if it.name in names]
    measures = {it.measure for it in items if it.name.startswith("Figure")} - {""}
    found: dict[str, Step] = {}
    for it in items:
        for step in it.steps(minimal=look.minimal):
            before = found[step.cell.key].measures if step.cell.key in found else ()
            wanted: dict[str, Measure] = {m.key: m for m in (*before, *step.measures) if m.name in measures}
            found[step.cell.key] = replace(step, measures=tuple(wanted.values()))
    ordered = sorted(found.values(), key=lambda step: step.cell.depth)
    paths = list(dict.fromkeys(it.path for it in items))
    return look.gap(claim, paths, ordered, stock, next(iter(sorted(measures)), ""))


def _grids() -> list[Path]:
    return sorted(resource("jobs").glob("*.yaml"))
