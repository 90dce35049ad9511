"""What a cell costs: counted in floating-point operations, and in seconds where its like has been measured before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sd.plan.catalogue import ARCHITECTURES, DATASETS
from sd.plan.cell import Cell
from sd.plan.measure import Measure
from sd.plan.schedule import Step

REFERENCE_TFLOPS = 100.0
"""Effective TFLOP/s of the reference device of spec section 5, at which an unmeasured cell's time is stated."""

# A Hessian-vector product differentiates a gradient: about two forward and backward passes, of three forwards each.
_FORWARDS_OF_A_PRODUCT = 6


def forwards(cell: Cell) -> int:
    """What a training step on one image costs, in forward passes (spec section 5).

    3 for cross-entropy (the backward pass costs two), one more for a student's teacher, 6 for SAM, which takes every
    step twice.
    """
    return 6 if cell.optimizer == "sam" else 4 if cell.teacher else 3


def petaflop(cell: Cell) -> float:
    """Training cost of a cell in PFLOP (10¹⁵ operations, 2 a multiply-add), evaluation left out."""
    samples = DATASETS[cell.dataset].train * cell.recipe.epochs
    return samples * ARCHITECTURES[cell.arch].forward_gflop * forwards(cell) * 1e-6


def measure_petaflop(cell: Cell, measure: Measure) -> float:
    """Cost of a measure in PFLOP: a Hessian-vector product for each probe and iteration, split and checkpoint."""
    products = (measure.probes + measure.iterations) * len(measure.checkpoints)
    sizes = {"train": DATASETS[cell.dataset].train, "test": DATASETS[cell.dataset].test}
    samples = sum(min(measure.samples, sizes[split]) for split in measure.splits)
    return products * samples * ARCHITECTURES[cell.arch].forward_gflop * _FORWARDS_OF_A_PRODUCT * 1e-6


@dataclass(frozen=True)
class Pace:
    """How fast cells of one architecture and data set have been on one device.

    Attributes:
        device: the hardware's name, as the attempts noted it.
        cells: number of cells behind the figures.
        epoch: seconds of an epoch for each forward pass that a training step counts (:func:`forwards`).
        measures: seconds of a measure of one cell, by the measure's key.
    """

    device: str
    cells: int
    epoch: float
    measures: Mapping[str, float]


@dataclass(frozen=True)
class Estimate:
    """What some cells will take.

    Attributes:
        seconds: by key.
        measured: the paces behind it, by (architecture, data set); cells of others are counted in operations.
        chain: seconds of the longest chain of cells that wait for one another.
    """

    seconds: Mapping[str, float]
    measured: Mapping[tuple[str, str], Pace]
    chain: float

    @property
    def hours(self) -> float:
        """Device-hours of all cells together."""
        return sum(self.seconds.values()) / 3600


def estimate(steps: Iterable[Step], paces: Mapping[tuple[str, str], Pace]) -> Estimate:
    """What these steps will take, teachers first, each on a device of the pace that its like has had there."""
    seconds: dict[str, float] = {}
    until: dict[str, float] = {}
    used = {}
    for step in steps:
        cell = step.cell
        pace = paces.get((cell.arch, cell.dataset))
        if pace:
            used[cell.arch, cell.dataset] = pace
            seconds[cell.key] = cell.recipe.epochs * forwards(cell) * pace.epoch
        else:
            seconds[cell.key] = _seconds(petaflop(cell))
        for measure in step.measures:
            known = pace.measures.get(measure.key) if pace else None
            seconds[cell.key] += _seconds(measure_petaflop(cell, measure)) if known is None else known
        until[cell.key] = seconds[cell.key] + max((until.get(parent.key, 0.0) for parent in cell.parents), default=0.0)
    return Estimate(seconds, used, max(until.values(), default=0.0))


def _seconds(petaflops: float) -> float:
    return petaflops / REFERENCE_TFLOPS * 1e3
