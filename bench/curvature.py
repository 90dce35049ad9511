"""Curvature of a trained resnet20 on real CIFAR-10: ours against PyHessian; loss surfaces against the usual loop.

Run: SD_DATA=DIR python bench/curvature.py CHECKPOINT [--images 1000] [--repeat 3] [--only all trace …].

CHECKPOINT is a file of ``sd.launch`` (``runs/cells/KEY/last-….pt``). Both sides work alternately in one process on the
same images and weights. PyHessian gets one batch, so that it builds its gradient graph once, which is its fastest way;
``density()``, whose PyPI release calls a function that torch has removed, is given it back for the time of the run.
What would take hours is computed from parts that were timed, and the printed line says so.
"""

import argparse
import contextlib
import copy
import io
import multiprocessing
import os
import resource
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from pyhessian import hessian
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import transforms

from sd.measure.curvature import curvature
from sd.measure.gauss_newton import gauss_newton_trace
from sd.measure.hessian import SIDE_BY_SIDE, Hessian, differentiable
from sd.measure.landscape import landscape, random_directions
from sd.measure.subset import stratified
from sd.measure.watch import Watch
from sd.train.datasets import Dataset, load
from sd.train.models import build

SECTIONS = ("product", "all", "trace", "top", "surface", "memory")
QUIET = Watch()


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without torch's warning of PyHessian's cycle; and with the eigenvalues that its density() asks torch for."""

    def eig(matrix: Tensor, eigenvectors: bool = True) -> tuple[Tensor, Tensor]:
        values, vectors = torch.linalg.eigh(matrix)
        return torch.stack([values, torch.zeros_like(values)], 1), vectors

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.eig, before = eig, getattr(torch, "eig", None)
        yield
        torch.eig = before


class Sides:
    """The model and its images, for both sides."""

    def __init__(self, checkpoint: Path, count: int) -> None:
        self.data = load("cifar10")
        self.rows = stratified(self.data.train_labels, count)
        self.images = self.data.normalise(self.data.train_images[self.rows]).contiguous()
        self.labels = self.data.train_labels[self.rows]
        self.model = build("resnet20", 10)
        self.model.load_state_dict(torch.load(checkpoint, weights_only=True)["model"])
        self.model.eval()

    def pyhessian(self) -> Any:
        with quietly():
            return hessian(
                copy.deepcopy(self.model), nn.CrossEntropyLoss(), data=(self.images, self.labels), cuda=False
            )

    def curvature(self, **how: Any) -> Any:
        return curvature(self.model, self.images, self.labels, watch=QUIET, **how)


def product(sides: Sides, repeat: int) -> None:
    """One product, where four share a graph, against PyHessian's on a loader; the loader's batches are ours."""
    ratios = []
    with differentiable(copy.deepcopy(sides.model), torch.float32) as ready:
        ours = Hessian(ready, sides.images, sides.labels)
        vectors = torch.randn(SIDE_BY_SIDE, ours.size)
        batches = list(zip(sides.images.split(ours.batch_size), sides.labels.split(ours.batch_size), strict=True))
        with quietly():
            theirs = hessian(copy.deepcopy(sides.model), nn.CrossEntropyLoss(), dataloader=batches, cuda=False)
            parts = [part.clone() for part in ours._split(vectors[0])]
            for _ in range(repeat):
                one, _ = seconds(lambda: theirs.dataloader_hv_product(parts))
                four, _ = seconds(lambda: ours.products(vectors))
                ratios.append((four / SIDE_BY_SIDE, one))
    report("product, four a graph", ratios, "PyHessian dataloader_hv_product")


def trace(sides: Sides, repeat: int) -> None:
    """The trace to 2 % standard error."""
    turns = []
    theirs = sides.pyhessian()
    for turn in range(repeat):
        with differentiable(copy.deepcopy(sides.model), torch.float32) as ready:
            ours, found = seconds(
                lambda ready=ready, turn=turn: gauss_newton_trace(
                    ready, sides.images.contiguous(memory_format=torch.channels_last), sides.labels,
                    loss="ce", target=0.02, probes=100, seed=turn,
                )
            )  # fmt: skip
        with quietly():
            five, samples = seconds(lambda: theirs.trace(maxIter=5, tol=float("-inf")))
        spread = OFF_DIAGONAL["value"] or statistics.stdev(samples)
        probes = (spread / (0.02 * found.trace)) ** 2
        turns.append((ours, five / 5 * probes))
        print(f"  {found.trace:.1f} ± {found.stderr:.1f}, {found.probes} probes an image; PyHessian needs {probes:.0f}")
    report("trace to 2 %", turns, "PyHessian trace(), its seconds a probe times the probes that 2 % takes")


OFF_DIAGONAL = {"value": 0.0}
"""Standard deviation of one Hutchinson sample, √(2 Σ off-diagonal²), from our density's second moment where known."""


def everything(sides: Sides, repeat: int) -> None:
    """λmax to 0.1 %, trace to 2 %, density."""
    turns = []
    for turn in range(repeat):
        ours, found = seconds(lambda turn=turn: sides.curvature(steps=60, trace_error=0.02, seed=turn))
        size = sum(p.numel() for p in sides.model.parameters())
        second = size * sum(w * x * x for x, w in zip(found.nodes, found.weights, strict=True))
        OFF_DIAGONAL["value"] = (2 * second) ** 0.5  # less the diagonal's part, which is small
        with quietly():
            built, theirs = seconds(sides.pyhessian)
            first, (values, _) = seconds(lambda theirs=theirs: theirs.eigenvalues(top_n=1))
            five, _ = seconds(lambda theirs=theirs: theirs.trace(maxIter=5, tol=float("-inf")))
            ten, _ = seconds(lambda theirs=theirs: theirs.density(iter=10, n_v=1))
        probes = (OFF_DIAGONAL["value"] / (0.02 * found.trace)) ** 2
        whole = built + first + five / 5 * probes + 10 * ten
        turns.append((ours, whole))
        print(
            f"  ours: λmax {found.lambda_max:.3f} (residual {found.lambda_max_residual:.1e}), "
            f"trace {found.trace:.1f} ± {found.trace_stderr:.1f}, {found.hvps} products, {ours:.0f} s\n"
            f"  PyHessian: graph {built:.1f} s, λmax {values[0]:.3f} in {first:.0f} s, {five / 5:.2f} s a probe, "
            f"{probes:.0f} probes, density {10 * ten:.0f} s (10 of its 100 steps timed)"
        )
    report("λmax, trace, density", turns, "PyHessian, trace and density from timed parts")


def top(sides: Sides, repeat: int) -> None:
    """The hundred largest eigenvalues."""
    turns = []
    for turn in range(repeat):
        ours, found = seconds(lambda turn=turn: sides.curvature(steps=300, top=100, trace_error=0.5, seed=turn))
        theirs = sides.pyhessian()
        with quietly():
            ten, (values, _) = seconds(lambda theirs=theirs: theirs.eigenvalues(top_n=10))
        turns.append((ours, 10 * ten))
        worst = max(r / found.eigenvalues[0] for r in found.residuals)
        print(f"  ours: 100th {found.eigenvalues[-1]:.4f}, worst residual {worst:.1e} of λmax, {ours:.0f} s")
        print(
            f"  tops: ours {[round(v, 2) for v in found.eigenvalues[:10]]}, PyHessian {[round(v, 2) for v in values]}"
        )
    report("top 100", turns, "PyHessian eigenvalues(top_n=10) times ten")


class Pictures(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """PIL images and torchvision's transforms, as the usual evaluation loop reads them."""

    def __init__(self, data: Dataset, rows: Tensor) -> None:
        self.pixels = data.train_images[rows].permute(0, 2, 3, 1).numpy()
        self.labels = data.train_labels[rows].tolist()
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(data.mean, data.std)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def surface(sides: Sides, repeat: int) -> None:
    """A point of a surface: the usual way copies a state dict and runs a DataLoader at each."""
    loader = DataLoader(Pictures(sides.data, sides.rows), batch_size=128, num_workers=2)
    directions = random_directions(sides.model)
    state = copy.deepcopy(sides.model.state_dict())
    names = [name for name, _ in sides.model.named_parameters()]
    other = copy.deepcopy(sides.model)

    @torch.no_grad()
    def point(x: float, y: float) -> float:
        moved = copy.deepcopy(state)
        for name, a, b in zip(names, *directions, strict=True):
            moved[name] += x * a + y * b
        other.load_state_dict(moved)
        total = 0.0
        for images, labels in loader:
            total += F.cross_entropy(other(images), labels, reduction="sum").item()
        return total / len(sides.rows)

    turns = []
    for _ in range(repeat):
        usual, value = seconds(lambda: [point(x, 0.0) for x in (-1.0, 0.0, 1.0)])
        ours, found = seconds(
            lambda: landscape(sides.model, sides.images, sides.labels, directions=directions, points=3, watch=QUIET)
        )
        turns.append((ours / 9, usual / 3))
        print(f"  at the centre {value[1]:.5f} and {found.losses[1][1]:.5f}")
    report("a point of a surface", turns, "state-dict copy and DataLoader with two workers")


def memory(sides: Sides, repeat: int) -> None:
    """Peak memory of a large model, in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=_large)
    process.start()
    process.join()


def _large() -> None:
    images, labels = torch.randn(2, 3, 32, 32), torch.tensor([1, 2])
    watch = Watch(say=lambda line: print(f"  {line}"))
    found = curvature(build("vit_b32", 10), images, labels, steps=20, probes=2, trace_error=0.5, watch=watch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"vit_b32, 2 images, 20 steps: peak memory {peak:.1f} GB, {found.seconds:.0f} s")


def report(what: str, turns: list[tuple[float, float]], against: str) -> None:
    ratio = statistics.median(ours / theirs for ours, theirs in turns)
    ours, theirs = (statistics.median(side) for side in zip(*turns, strict=True))
    print(f"{what}: {ours:.3f} s; {against}: {theirs:.3f} s; ratio {ratio:.3f} (1/{1 / ratio:.1f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    given = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    sides = Sides(given.checkpoint, given.images)
    print(f"{given.images} images, {torch.get_num_threads()} threads, torch {torch.__version__}", flush=True)
    work = {"product": product, "trace": trace, "all": everything, "top": top, "surface": surface, "memory": memory}
    for name in given.only:
        work[name](sides, given.repeat)
    print(f"peak memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
