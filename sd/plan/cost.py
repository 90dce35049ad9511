"""What a cell costs: counted in floating-point operations, and in seconds where its like has been measured before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sd.plan.catalogue import DATASETS, OwnDataset, architecture, dataset
from sd.plan.cell import Cell
from sd.plan.measure import Curvature, Fidelity, Measure, Robustness
from sd.plan.schedule import Step

REFERENCE_TFLOPS = {"cuda": 100.0, "cpu": 0.05}
"""Effective TFLOP/s at which an unmeasured cell's time is stated: of the GPU of spec section 5, and of a few CPU cores
(0.055 for resnet20 on CIFAR-10 on two of them, ``bench/RESULTS.md``)."""

START_SECONDS = 8.0
"""What a job of its own adds to each cell: a process starts, imports torch and reads its data (5 to 17 s were seen on
two busy cores)."""

# The side of the images for which the catalogue counts an architecture that takes them as they are.
_COUNTED_AT = 32

# A Hessian-vector product differentiates a gradient: about two forward and backward passes, of three forwards each.
_FORWARDS_OF_A_PRODUCT = 6

# The trace takes a few backward passes where the network allows it, and then as many as some products; else products.
_PRODUCTS_OF_A_TRACE = 20


def forwards(cell: Cell) -> int:
    """What a training step on one image costs, in forward passes (spec section 5).

    3 for cross-entropy (the backward pass costs two), one more for a student's teacher, or for each member of an
    ensemble that teaches, unless its answers are computed once because no view is random, or are not asked for at each
    step, and 6 for SAM, which takes every step twice. What is assembled takes none.
    """
    if cell.is_assembled:
        return 0
    if cell.optimizer == "sam":
        return 6
    asks = cell.teacher if cell.asks and cell.aug != "none" else None
    return 3 + (max(1, len(asks.members)) if asks else 0)


def forward_gflop(cell: Cell) -> float | None:
    """GFLOP of one forward pass of one image, at the size at which the cell's architecture sees its data set's images.

    ``None`` where the architecture or the data set is the user's own: what they cost is not known to a plan.
    """
    arch, data = architecture(cell.arch), dataset(cell.dataset)
    if arch.forward_gflop is None or isinstance(data, OwnDataset):
        return None
    return arch.forward_gflop if arch.size else arch.forward_gflop * (data.side / _COUNTED_AT) ** 2


def training_petaflop(cell: Cell, images: int, gflop: float) -> float:
    """Training cost in PFLOP (10¹⁵ operations, 2 a multiply-add) on so many images of so many GFLOP a forward pass;
    evaluation is left out."""
    return images * gflop * 1e-6 * cell.recipe.trained_epochs * forwards(cell)


def petaflop(cell: Cell) -> float | None:
    """Training cost of a cell in PFLOP; ``None`` where it is not known before the model is built."""
    data, gflop = dataset(cell.dataset), forward_gflop(cell)
    return None if gflop is None or isinstance(data, OwnDataset) else training_petaflop(cell, data.train, gflop)


def measure_images(cell: Cell, measure: Measure) -> float | None:
    """Cost of a measure in forward passes of an image, over its splits and checkpoints: those of its Hessian-vector
    products, of the points of its surfaces, of student and teacher, or of every shifted test set. ``None`` for a data
    set of unknown size."""
    data = dataset(cell.dataset)
    if isinstance(data, OwnDataset):
        return None
    sizes = {"train": data.train, "test": data.test}
    samples = len(measure.checkpoints) * sum(measure.images_of(sizes[split]) for split in measure.splits)
    if isinstance(measure, Curvature):
        products = measure.runs * measure.steps + min(measure.probes, _PRODUCTS_OF_A_TRACE)
        return products * samples * _FORWARDS_OF_A_PRODUCT
    if isinstance(measure, Fidelity):
        return samples * (1 + max(1, len(cell.teacher.members) if cell.teacher else 0))
    if isinstance(measure, Robustness):
        corrupted = len(measure.corruptions_of(cell)) * len(measure.severities)
        natural = sum(measure.images_of(DATASETS[name].test) for name in measure.test_sets(cell))
        return ((1 + corrupted) * samples + len(measure.checkpoints) * natural) * max(1, len(cell.members))
    return measure.evaluations * samples * max(1, len(cell.members))


def measure_petaflop(cell: Cell, measure: Measure) -> float | None:
    """Cost of a measure in PFLOP; ``None`` where it is not known before the model is built."""
    images, gflop = measure_images(cell, measure), forward_gflop(cell)
    return None if images is None or gflop is None else images * gflop * 1e-6


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
        seconds: by key; a cell of unknown cost, whose like was never measured, is not among them.
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
        own = _seconds_by_pace(step, pace) if pace else _seconds_by_operations(step, REFERENCE_TFLOPS[kind])
        if pace and own is not None:
            used[cell.arch, cell.dataset, kind] = pace
        if own is not None:
            seconds[cell.key] = start + own
        before = max((until.get(parent.key, 0.0) for parent in cell.parents), default=0.0)
        until[cell.key] = seconds.get(cell.key, 0.0) + before
    return Estimate(seconds, on, used, max(until.values(), default=0.0))


def _seconds_by_pace(step: Step, pace: Pace) -> float | None:
    """Seconds of a step whose like was measured; a measure that was not is taken for so many forward passes."""
    cell, data = step.cell, dataset(step.cell.dataset)
    seconds = pace.epoch * cell.recipe.trained_epochs * forwards(cell)
    for measure in step.measures:
        known = pace.measures.get(measure.key)
        images = measure_images(cell, measure)
        if known is not None:
            seconds += known
        elif images is not None and not isinstance(data, OwnDataset):
            seconds += pace.epoch * images / data.train
        else:
            return None
    return seconds


def _seconds_by_operations(step: Step, teraflops: float) -> float | None:
    """Seconds of a step at so many TFLOP/s."""
    operations = [petaflop(step.cell), *(measure_petaflop(step.cell, measure) for measure in step.measures)]
    known = [number for number in operations if number is not None]
    return 1e3 * sum(known) / teraflops if len(known) == len(operations) else None
