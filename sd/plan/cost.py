"""What a cell costs: counted in floating-point operations, and in seconds where its like has been measured before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sd.plan.catalogue import ARCHITECTURES, DATASETS
from sd.plan.cell import Cell
from sd.plan.measure import Measure
from sd.plan.schedule import Step

REFERENCE_TFLOPS = {"cuda": 100.0, "cpu": 0.05}
"""Effective TFLOP/s at which an unmeasured cell's time is stated: of the GPU of spec section 5, and of a few CPU cores
(0.055 for resnet20 on CIFAR-10 on two of them, ``bench/RESULTS.md``)."""

START_SECONDS = 8.0
"""What a job of its own adds to each cell: a process starts, imports torch and reads its data (5 to 17 s were seen on
two busy cores)."""

# A Hessian-vector product differentiates a gradient: about two forward and backward passes, of three forwards each.
_FORWARDS_OF_A_PRODUCT = 6


def forwards(cell: Cell) -> int:
    """What a training step on one image costs, in forward passes (spec section 5).

    3 for cross-entropy (the backward pass costs two), one more for a student's teacher, 6 for SAM, which takes every
    step twice.
    """
    return 6 if cell.optimizer == "sam" else 4 if cell.teacher else 3


def forward_petaflop(cell: Cell) -> float:
    """PFLOP of one forward pass of the whole training set."""
    return DATASETS[cell.dataset].train * ARCHITECTURES[cell.arch].forward_gflop * 1e-6


def petaflop(cell: Cell) -> float:
    """Training cost of a cell in PFLOP (10¹⁵ operations, 2 a multiply-add), evaluation left out."""
    return forward_petaflop(cell) * cell.recipe.epochs * forwards(cell)


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


Paces = Mapping[tuple[str, str], Pace]
"""The pace of each (architecture, data set) on one kind of device."""


@dataclass(frozen=True)
class Estimate:
    """What some cells will take.

    Attributes:
        seconds: by key.
        kinds: the kind of device that each runs on, ``cuda`` or ``cpu``, by key.
        measured: the paces behind it, by (architecture, data set, kind); cells of others are counted in operations.
        chain: seconds of the longest chain of cells that wait for one another.
    """

    seconds: Mapping[str, float]
    kinds: Mapping[str, str]
    measured: Mapping[tuple[str, str, str], Pace]
    chain: float

    def hours(self, kind: str) -> float:
        """Hours that devices of this kind are busy."""
        return sum(seconds for key, seconds in self.seconds.items() if self.kinds[key] == kind) / 3600


def estimate(
    steps: Iterable[Step], kinds: Mapping[str, str], paces: Mapping[str, Paces], *, start: float = 0.0
) -> Estimate:
    """What these steps will take, teachers first, each on a device of its kind, at the pace that its like had there.

    Args:
        kinds: ``cuda`` or ``cpu``, by key.
        paces: what was measured, by kind.
        start: seconds that each cell adds, such as :data:`START_SECONDS`.
    """
    seconds: dict[str, float] = {}
    until: dict[str, float] = {}
    used = {}
    on: dict[str, str] = {}
    for step in steps:
        cell = step.cell
        kind = on[cell.key] = kinds[cell.key]
        pace = paces.get(kind, {}).get((cell.arch, cell.dataset))
        if pace:
            used[cell.arch, cell.dataset, kind] = pace
            seconds_a_petaflop = pace.epoch / forward_petaflop(cell)
        else:
            seconds_a_petaflop = 1e3 / REFERENCE_TFLOPS[kind]
        seconds[cell.key] = start + petaflop(cell) * seconds_a_petaflop
        for measure in step.measures:
            known = pace.measures.get(measure.key) if pace else None
            seconds[cell.key] += measure_petaflop(cell, measure) * seconds_a_petaflop if known is None else known
        until[cell.key] = seconds[cell.key] + max((until.get(parent.key, 0.0) for parent in cell.parents), default=0.0)
    return Estimate(seconds, on, used, max(until.values(), default=0.0))
