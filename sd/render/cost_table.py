"""What the cells of a grid were expected to take, and what they took."""

from typing import Any

from sd.plan.catalogue import architecture, dataset
from sd.plan.schedule import Plan
from sd.render.table import Table
from sd.store.database import Database


def cost_table(plan: Plan, database: Database) -> Table:
    """A row for each architecture, data set and device on which cells of the plan were trained."""
    found = database.named("cost_summary", source="costs", keys=plan.steps)
    return Table(
        title=f"{plan.name}: expected and taken",
        caption="Hours that a device was busy, over all attempts, those that failed or were lost included. Expected is "
        "what the launcher said before the first attempt; taken / expected is of the cells that it said something of.",
        headers=["Architecture", "Dataset", "Device", "Cells", "Attempts", "Expected", "Taken", "Taken / expected"],
        rows=[_row(row) for row in sorted(found, key=lambda row: -row["hours"])],
        notes=[] if found else ["none of its cells has been trained yet"],
    )


def _row(row: dict[str, Any]) -> list[Any]:
    expected, both = row["expected_hours"], row["hours_of_expected"]
    ratio = f"{both / expected:.2g}" if expected else "—"
    some = f" (of {row['expected_cells']})" if row["expected_cells"] not in {0, row["cells"]} else ""
    return [
        architecture(row["arch"]).title,
        dataset(row["dataset"]).title,
        row["device"],
        str(row["cells"]),
        str(row["attempts"]),
        (f"{expected:.3g} h" if expected is not None else "—") + some,
        f"{row['hours']:.3g} h",
        ratio,
    ]
