"""What a cell costs, counted in floating-point operations, so that a grid can be priced before anything runs."""

from sd.plan.catalogue import ARCHITECTURES, DATASETS
from sd.plan.cell import Cell

REFERENCE_TFLOPS = 100.0
"""Effective TFLOP/s of the reference device of spec section 5, at which ``gpu_hours`` are stated."""


def petaflop(cell: Cell) -> float:
    """Training cost of a cell in PFLOP (10¹⁵ operations, 2 a multiply-add), evaluation left out (spec section 5).

    Forward passes an image: 3 for cross-entropy (the backward pass costs two), one more for a student's teacher,
    6 for SAM, which takes every step twice.
    """
    forwards = 6 if cell.optimizer == "sam" else 4 if cell.teacher else 3
    samples = DATASETS[cell.dataset].train * cell.recipe.epochs
    return samples * ARCHITECTURES[cell.arch].forward_gflop * forwards * 1e-6


def gpu_hours(cell: Cell, *, tflops: float = REFERENCE_TFLOPS) -> float:
    """Hours for a cell on a device that sustains ``tflops`` TFLOP/s: an assumption, no measurement."""
    return petaflop(cell) / tflops * 1e3 / 3600
