"""From an address in a grid's tables to the cells behind the number, as the tables average them."""

from collections.abc import Sequence
from pathlib import Path

from sd.plan.catalogue import printed
from sd.plan.cell import Cell
from sd.plan.schedule import Plan
from sd.render.layout import Study, lay_out, model_name
from sd.render.missing import launch_command
from sd.render.provenance.grid_address import read_grid_address
from sd.render.provenance.metric import METRICS
from sd.render.provenance.selected import Index, Selected


class GridPlaces:
    """The places of a grid's tables: every row and column of the accuracy table, and the cells that stand there.

    Args:
        paths: of the grid files, as the command that fills them names them.
    """

    def __init__(self, plan: Plan, paths: Sequence[Path], *, slurm: bool) -> None:
        self.plan, self._slurm = plan, slurm
        self._paths = list(map(str, paths))
        self._settings: dict[str, list[Cell]] = {}
        for cell in plan.cells:
            self._settings.setdefault(cell.setting, []).append(cell)
        _, columns = lay_out(plan.cells)
        self._cells = {place: self._settings[cells[0].setting] for place, cells in columns.items()}

    def select(self, text: str, rest: str, index: Index) -> Selected:
        """What an address means; ``rest`` is what stands behind the grid's name. Raises ``BadInput`` (see there)."""
        address = read_grid_address(text, self.plan.name, rest, list(self._cells))
        cells = self._cells[address.study, address.model]
        metric = METRICS[address.metric]
        measures = {
            measure.key: measure
            for cell in cells
            for measure in self.plan.steps[cell.key].measures
            if measure.name == metric.measure and address.checkpoint in measure.checkpoints
        }
        lacking = [cell for cell in cells if cell.key not in index.cells]
        where = ", ".join(printed(address.study.arch, address.study.dataset, address.study.aug))
        noise = f", label noise {address.study.label_noise:.0%}" if address.study.label_noise else ""
        name = model_name(address.study if address.model.startswith("R") else Study("", "", "", 0, ""), address.model)
        steps = [self.plan.steps[cell.key] for cell in cells]
        return Selected(
            str(address),
            f"{self.plan.name}: {metric.words} of {name}, {where}{noise}, protocol {address.study.protocol}, "
            f"checkpoint {address.checkpoint}",
            metric,
            address.checkpoint,
            tuple(cell.key for cell in cells if cell.key in index.cells),
            splits=(address.split,) if address.split else ("train", "test"),
            measure_keys=(address.measure_key,) if address.measure_key else tuple(measures),
            planned=len(cells),
            missing=(
                *(f"not in the database: {cell.label} ({cell.key})" for cell in lacking),
                f"fill it with: {launch_command(self._paths, steps, slurm=self._slurm)}"
                if lacking or metric.measure
                else "sd did not take it yet when the others were trained",
            ),
        )
