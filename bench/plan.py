"""How long it takes to plan a grid of 10,000 cells, and to start the verbs. Run: python bench/plan.py"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sd.plan.grid import read_grid
from sd.plan.schedule import plan

GRID = """\
name: big
defaults: {dataset: [cifar10, cifar100], rounds: 3, alpha: [0.2, 0.5, 0.8], recipe: appendix_a, sam: true}
cells:
  - {arch: [resnet18, vgg16, resnet20], aug: [std, none], seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
     epochs: [100, 200, 300, 400, 500, 600, 700, 800], measure: [curvature]}
"""


def seconds_to_plan(path: Path) -> tuple[float, int]:
    started = time.perf_counter()
    steps = plan([read_grid(path)]).steps
    return time.perf_counter() - started, len(steps)


def seconds_to_start(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.yaml"
        path.write_text(GRID)
        runs = [seconds_to_plan(path) for _ in range(7)]
    print(f"plan of {runs[0][1]:,} cells: {statistics.median(s for s, _ in runs):.2f} s (median of {len(runs)})")
    for arguments in (("sd.launch", "--help"), ("sd.report", "--table", "2", "--db", "results.db")):
        times = [seconds_to_start(*arguments) for _ in range(7)]
        print(f"python -m {' '.join(arguments)}: {statistics.median(times):.2f} s (median of {len(times)})")


if __name__ == "__main__":
    main()
