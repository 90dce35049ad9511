"""Images a second of training: ours against the ordinary loop of the field's distillation repositories.

Run: python bench/train.py [--archs resnet20 resnet18] [--losses ce kd sam] [--augs std aa_cutout] [--device cpu].

The ordinary loop is written to the letter of that practice: a DataLoader with as many workers as there are cores, PIL
augmentation by torchvision, float32, the teacher's forward pass under no_grad, SGD, ``.item()`` at each step. Ours is
the trainer's own loop with ``precision: bf16``. Both take the same number of steps alternately in one process, on the
same images, model, teacher and batch size. "Limit" is ours on one batch that is ready: forward, backward and update
alone. ``--pack`` measures instead how many images a second N processes make that share the device.
"""

import argparse
import itertools
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import mkdtemp

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy

from sd.plan.cell import Cell
from sd.plan.recipe import RECIPES
from sd.train.datasets import Dataset, load
from sd.train.models import build
from sd.train.sam import frozen_batch_statistics
from sd.train.trainer import Control, Run

BATCH = 96
ALPHA, TAU, RHO = 0.5, 4.0, 0.05


def images_for(device: torch.device) -> Dataset:
    """CIFAR-10 where SD_DATA has it; else noise of the same shape, which takes the same time."""
    if os.environ.get("SD_DATA"):
        return load("cifar10").to(device)
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (10_000, 3, 32, 32), dtype=torch.uint8, generator=draws)
    labels = torch.randint(0, 10, (10_000,), generator=draws)
    digits = load("digits")
    data = replace(digits, train_images=images, train_labels=labels, test_images=images[:100], test_labels=labels[:100])
    return data.to(device)


class Pictures(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    """PIL images and a transform, as torchvision's data sets give them."""

    def __init__(self, data: Dataset, aug: str) -> None:
        self.pixels = data.train_images.permute(0, 2, 3, 1).cpu().numpy()
        self.labels = data.train_labels.tolist()
        self.hides = aug == "aa_cutout"
        policy = [AutoAugment(AutoAugmentPolicy.CIFAR10)] if aug == "aa_cutout" else []
        place = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
        normalise = [transforms.ToTensor(), transforms.Normalize(data.mean, data.std)]
        self.transform = transforms.Compose([*place, *policy, *normalise])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = self.transform(Image.fromarray(self.pixels[index]))
        if self.hides:
            y, x = torch.randint(0, 32, (2,)).tolist()
            image[:, max(0, y - 8) : y + 8, max(0, x - 8) : x + 8] = 0
        return image, self.labels[index]


def ordinary(data: Dataset, arch: str, loss: str, aug: str, device: torch.device) -> Callable[[], None]:
    """One step of the ordinary loop."""
    model = build(arch, 10).to(device).train()
    teacher = build(arch, 10, seed=1).to(device).eval() if loss == "kd" else None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.025, momentum=0.9, weight_decay=3e-4)
    cores = os.cpu_count() or 1
    loader = DataLoader(
        Pictures(data, aug), batch_size=BATCH, shuffle=True, num_workers=cores, pin_memory=device.type == "cuda"
    )

    def forever() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            yield from loader

    batches = forever()
    criterion, divergence = nn.CrossEntropyLoss(), nn.KLDivLoss(reduction="batchmean")
    total = 0.0

    def objective(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = model(images)
        hard = criterion(logits, labels)
        if teacher is None:
            return hard
        with torch.no_grad():
            taught = teacher(images)
        soft = divergence((logits / TAU).log_softmax(1), (taught / TAU).softmax(1)) * TAU**2
        return ALPHA * hard + (1 - ALPHA) * soft

    def step() -> None:
        nonlocal total
        images, labels = next(batches)
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        value = objective(images, labels)
        value.backward()
        if loss == "sam":  # davda54/sam: climb, backward again, come back
            norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
            climbed = []
            with torch.no_grad():
                for p in model.parameters():
                    climb = p.grad * (RHO / (norm + 1e-12))
                    p.add_(climb)
                    climbed.append(climb)
            optimizer.zero_grad()
            with frozen_batch_statistics(model):
                objective(images, labels).backward()
            with torch.no_grad():
                for p, climb in zip(model.parameters(), climbed, strict=True):
                    p.sub_(climb)
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        total += value.item()

    return step


def our_run(data: Dataset, arch: str, loss: str, aug: str, device: torch.device) -> Run:
    recipe = RECIPES["appendix_a"]
    cell = Cell(arch, "cifar10", aug, 0.0, "appendix_a", recipe, "sam" if loss == "sam" else "sgd", 0, 0)
    teacher = None
    if loss == "kd":
        cell = replace(cell, round=1, alpha=ALPHA, tau=TAU, teacher_checkpoint="last", teacher=cell)
        teacher = build(arch, 10, seed=1).to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    return Run(cell, data, teacher, folder=Path(mkdtemp()), device=device, control=Control())


def ours(run: Run) -> tuple[Callable[[], None], Callable[[], None]]:
    """One step of our loop, and one on a batch that is ready."""
    run.model.train()

    def forever() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for run.state.epoch in itertools.count():
            yield from run.batches()

    batches = forever()
    ready = next(batches)

    def step() -> None:
        images, rows = next(batches)
        run.state.sums += run.step(images, rows, 0.025)

    def limit() -> None:
        run.state.sums += run.step(*ready, 0.025)

    return step, limit


def seconds(step: Callable[[], None], steps: int, device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def compare(data: Dataset, arch: str, loss: str, aug: str, device: torch.device, steps: int, repeat: int) -> str:
    theirs = ordinary(data, arch, loss, aug, device)
    mine, limit = ours(our_run(data, arch, loss, aug, device))
    ready = 2 * (os.cpu_count() or 1)  # batches that idle workers have made before the clock starts
    rows = []
    for turn in range(repeat + 1):
        seconds(theirs, ready, device)
        taken = [seconds(theirs, steps, device)]
        time.sleep(0.3)  # while the workers fill their queues
        taken += [seconds(mine, steps, device), seconds(limit, steps, device)]
        if turn:  # the first one warms up
            rows.append(taken)
    rates = [steps * BATCH / statistics.median(column) for column in zip(*rows, strict=True)]
    ratio = statistics.median(a / b for a, b, _ in rows)
    share = statistics.median(c / b for _, b, c in rows)
    return (
        f"| {arch} | {loss.upper()} | {aug} | {rates[0]:,.0f} | {rates[1]:,.0f} | {ratio:.2f} | "
        f"{rates[2]:,.0f} | {100 * share:.0f} % |"
    )


def packed(arch: str, count: int, device: str, steps: int, start: Barrier, queue: Queue) -> None:
    """One of ``count`` processes that train a student each; tells its seconds for ``steps`` steps."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // count))
    place = torch.device(device)
    step, _ = ours(our_run(images_for(place), arch, "kd", "aa_cutout", place))
    seconds(step, 4, place)
    start.wait()
    queue.put(seconds(step, steps, place))


def pack(arch: str, device: str, steps: int, repeat: int) -> None:
    """Several rounds of 1, 2, 4 and 8 processes that share the device, each with its share of the cores."""
    context = multiprocessing.get_context("spawn")
    rates: dict[int, list[float]] = {count: [] for count in (1, 2, 4, 8)}
    for _ in range(repeat):
        for count, found in rates.items():
            queue: Queue[float] = context.Queue()
            start = context.Barrier(count)
            given = (arch, count, device, steps, start, queue)
            workers = [context.Process(target=packed, args=given) for _ in range(count)]
            for worker in workers:
                worker.start()
            found.append(sum(steps * BATCH / queue.get() for _ in workers))
            for worker in workers:
                worker.join()
    for count, found in rates.items():
        print(f"| {arch} | {count} | {statistics.median(found):,.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--archs", nargs="+", default=["resnet20", "resnet18"])
    parser.add_argument("--losses", nargs="+", default=["ce", "kd", "sam"])
    parser.add_argument("--augs", nargs="+", default=["std", "aa_cutout"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--pack", action="store_true")
    given = parser.parse_args()
    if given.pack:
        print("| arch | cells at a time | images/s, all together |\n| --- | --- | --- |")
        pack(given.archs[0], given.device, given.steps, given.repeat)
        return
    device = torch.device(given.device)
    data = images_for(device)
    print("| arch | loss | aug | ordinary, images/s | ours | ratio | limit | ours of limit |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for arch, loss, aug in itertools.product(given.archs, given.losses, given.augs):
        print(compare(data, arch, loss, aug, device, given.steps, given.repeat), flush=True)


if __name__ == "__main__":
    main()
