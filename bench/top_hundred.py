"""How many products PyHessian's deflated power iteration needs for the hundred largest eigenvalues, against our 300.

Run: SD_DATA=DIR python bench/top_hundred.py CHECKPOINT [--images 100] [--keep FOLDER] [--tol 1e-3] [--max-iter 100].

The real thing would take hours, this takes a quarter of one. The spectrum of a trained resnet20 is measured by our
Lanczos (the largest 120 eigenvalues one by one, the rest from the density), and PyHessian's own ``eigenvalues()``, as
installed, is run on the diagonal matrix of that spectrum, of the network's full size: what its iteration does depends
on nothing but the spectrum and the random start, which has no preferred direction in either basis. So the count is not
extrapolated from the first few.
"""

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from pyhessian import hessian
from torch import Tensor

from sd.measure.curvature import Curvature, curvature
from sd.measure.subset import stratified
from sd.measure.watch import Watch
from sd.train.datasets import load
from sd.train.models import build

STEPS, SINGLE = 300, 120


def spectrum(found: Curvature, size: int) -> Tensor:
    """All eigenvalues: the largest as they were found, the rest as quantiles of the density, between its nodes."""
    nodes, weights = np.array(found.nodes), np.array(found.weights)
    rest = nodes < found.eigenvalues[-1]
    middles = np.cumsum(weights[rest]) - weights[rest] / 2
    places = (np.arange(size - SINGLE) + 0.5) / (size - SINGLE) * weights[rest].sum()
    return torch.from_numpy(np.concatenate([found.eigenvalues, np.interp(places, middles, nodes[rest])])).float()


def products_by_rank(diagonal: Tensor, top: int, **how: Any) -> tuple[list[int], list[float]]:
    """Products of PyHessian's eigenvalues() for each eigenvalue, in its order, and what it returns."""
    theirs = hessian.__new__(hessian)  # its constructor wants a model and data
    theirs.device, theirs.full_dataset, theirs.params = "cpu", True, [diagonal]
    theirs.model = SimpleNamespace(zero_grad=lambda: None)
    theirs.dataloader_hv_product = lambda v: (float((v[0] * v[0] * diagonal).sum()), [diagonal * v[0]])
    module = sys.modules[hessian.__module__]
    deflate, count = module.orthnormal, Counter[int]()

    def counted(w: Any, known: list[Any]) -> Any:
        count[len(known)] += 1  # called once before each product
        return deflate(w, known)

    with mock.patch.object(module, "orthnormal", counted):
        values, _ = theirs.eigenvalues(top_n=top, **how)
    return [count[rank] for rank in range(top)], values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="a folder for our spectrum, so that a second run has it at once")
    parser.add_argument("--tol", type=float, default=1e-3, help="PyHessian's own default")
    parser.add_argument("--max-iter", type=int, default=100, help="PyHessian's own default")
    given = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    data = load("cifar10")
    rows = stratified(data.train_labels, given.images)
    model = build("resnet20", 10)
    model.load_state_dict(torch.load(given.checkpoint, weights_only=True)["model"])
    size = sum(p.numel() for p in model.parameters())

    kept = given.keep / f"spectrum-{given.checkpoint.stem}-{given.images}.pt" if given.keep else None
    if kept and kept.exists():
        diagonal = torch.load(kept, weights_only=True)
    else:
        images, labels = data.normalise(data.train_images[rows]), data.train_labels[rows]
        found = curvature(model, images, labels, steps=STEPS, top=SINGLE, trace_error=0.5, watch=Watch())
        print(f"ours: {found.hvps} products, {found.seconds:.0f} s, λmin {found.lambda_min:.2f}, worst residual of the")
        print(f"  first 100 {max(found.residuals[:100]):.2g}, of {SINGLE} {max(found.residuals):.2g}")
        diagonal = spectrum(found, size)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            torch.save(diagonal, kept)

    torch.manual_seed(0)
    started = time.perf_counter()
    counts, values = products_by_rank(diagonal, 100, tol=given.tol, maxIter=given.max_iter)
    largest = diagonal[diagonal.abs().argsort(descending=True)[:100]]
    off = (torch.tensor(values).abs().sort(descending=True).values / largest.abs() - 1).abs()
    some = [round(float(largest[i]), 3) for i in (0, 9, 49, 99)]
    print(f"p = {size}, eigenvalues 1, 10, 50, 100 by magnitude: {some}")
    took = time.perf_counter() - started
    print(f"PyHessian, tol {given.tol:g}, maxIter {given.max_iter}, on that spectrum ({took:.0f} s):")
    for first in range(0, 100, 10):
        part = counts[first : first + 10]
        print(f"  ranks {first + 1:3}-{first + 10:3}: {sum(part):5} products {part}")
    print(f"  magnitudes, sorted, off by {off.median():.1%} (median), {off.max():.1%} (worst)")
    print(f"  all: {sum(counts)}, ten times the first ten: {10 * sum(counts[:10])}")
    print(f"  against our {STEPS}: {sum(counts) / STEPS:.1f} times")


if __name__ == "__main__":
    main()
