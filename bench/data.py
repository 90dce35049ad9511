"""Seconds until a job has CIFAR-10: from the published pickles, and from the prepared memory maps.

Run: SD_DATA=DIR python bench/data.py, DIR with cifar-10-batches-py.
"""

import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from sd.train.datasets import load, prepare

FOLDER = "cifar-10-batches-py"


def seconds(root: Path) -> float:
    started = time.perf_counter()
    load("cifar10", root)
    return time.perf_counter() - started


def main() -> None:
    load("digits")  # imports
    with TemporaryDirectory() as place:
        root = Path(place)
        (root / FOLDER).symlink_to(Path(os.environ["SD_DATA"]).resolve() / FOLDER)
        pickles = statistics.median(seconds(root) for _ in range(6))
        started = time.perf_counter()
        prepare("cifar10", root)
        preparing = time.perf_counter() - started
        prepared = statistics.median(seconds(root) for _ in range(6))
    print(f"pickles {pickles:.2f} s, prepared {prepared * 1e3:.0f} ms; preparing took {preparing:.1f} s")


if __name__ == "__main__":
    main()
