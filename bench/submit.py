"""Submitting 5,000 cells to a real SLURM: seconds and files, against submitit's plain ``map_array`` in the same run.

Run: python bench/submit.py [--rounds 3]. It needs a SLURM that may be given jobs (``tests/slurm/cluster-up`` starts
one); the jobs are held, and cancelled at once. Both sides are whole programs, started in turn.

With --runs FILE it counts the arrays of a study that is listed in a CSV file (columns run_id, arch, dataset, aug,
recipe, optimizer, alpha, round, seed, teacher), and submits nothing.
"""

import argparse
import csv
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# 500 seeds of T, and R1 to R3 at three alphas: ten cells a seed, in ten arrays.
GRID = """\
name: bench
defaults: {dataset: digits, arch: resnet8, recipe: digits, aug: none, epochs: 1, rounds: 3, alpha: [0.2, 0.5, 0.8]}
cells: [{seeds: [SEEDS]}]
resources: {default: {gpus: 0, cpus: 1, sbatch: {hold: true}}}
"""

PLAIN = """\
import submitit
executor = submitit.SlurmExecutor("jobs")
executor.update_parameters(partition="gpu", additional_parameters={"hold": True}, time=60, cpus_per_task=1)
for first in range(0, 5000, 1000):
    jobs = executor.map_array(abs, range(first, first + 1000))
    print("array", jobs[0].job_id.partition("_")[0])
"""


def timed(folder: Path, command: list[str]) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return time.perf_counter() - started, done.stdout


def files_in(folder: Path) -> tuple[int, float]:
    """Number and MB of the files below a folder, but for the copy of the code."""
    files = [path for path in folder.rglob("*") if path.is_file() and "code" not in path.relative_to(folder).parts]
    return len(files), sum(path.stat().st_size for path in files) / 1e6


def ours(folder: Path) -> tuple[float, int, float, int]:
    """Seconds, files, MB and number of arrays of ``sd.launch``."""
    (folder / "grid.yaml").write_text(GRID.replace("SEEDS", ", ".join(map(str, range(500)))))
    seconds, said = timed(folder, [sys.executable, "-m", "sd.launch", "grid.yaml", "--partition", "gpu"])
    jobs = re.findall(r": job (\d+)", said)
    subprocess.run(["scancel", *jobs], check=True)
    return seconds, *files_in(folder / "runs"), len(jobs)


def plain(folder: Path) -> tuple[float, int, float, int]:
    """The same of ``map_array``: 5,000 calls of a function, without any dependency."""
    seconds, said = timed(folder, [sys.executable, "-c", PLAIN])
    jobs = re.findall(r"array (\d+)", said)
    subprocess.run(["scancel", *jobs], check=True)
    return seconds, *files_in(folder / "jobs"), len(jobs)


def wait_until_forgotten() -> None:
    """SLURM counts ended jobs for a while (MinJobAge), and takes 10,000 in all."""
    command = ["squeue", "--noheader", "--array", "--states=all"]
    while len(subprocess.run(command, capture_output=True).stdout.splitlines()) > 100:
        time.sleep(5)


def compare(rounds: int) -> None:
    found: dict[str, list[tuple[float, int, float, int]]] = {"sd.launch": [], "map_array": []}
    for _ in range(rounds):
        for name, side in (("sd.launch", ours), ("map_array", plain)):
            with tempfile.TemporaryDirectory() as folder:
                found[name].append(side(Path(folder)))
            wait_until_forgotten()
    for name, runs in found.items():
        _, files, size, arrays = runs[-1]
        times = ", ".join(f"{run[0]:.2f}" for run in runs)
        median = statistics.median(run[0] for run in runs)
        print(f"{name}: {median:.2f} s (median of {times}), {files} files, {size:.1f} MB, {arrays} arrays")
    ratios = [b[0] / a[0] for a, b in zip(found["sd.launch"], found["map_array"], strict=True)]
    print(f"map_array / sd.launch: {statistics.median(ratios):.2f} times the seconds")


def count(path: Path) -> None:
    """The arrays that the runs of a CSV file would be submitted in, one size of job for each architecture."""
    from sd.plan.arrays import make_arrays
    from sd.plan.cell import Cell
    from sd.plan.recipe import RECIPES
    from sd.plan.resources import DEFAULTS
    from sd.plan.schedule import Plan, Step

    rows = {row["run_id"]: row for row in csv.DictReader(path.open())}
    number = {name: at for at, name in enumerate(rows)}
    recipe = RECIPES["appendix_a"]
    made: dict[str, Cell] = {}

    def cell(name: str) -> Cell:
        """The cell in the place of a run; its seed is the run's number, so that each has a key of its own."""
        if name not in made:
            row = rows[name]
            # Some teachers of the paper are no training runs: ensembles, and networks that were published.
            teacher = cell(row["teacher"]) if row["teacher"] in rows else None
            taught = (float(row["alpha"] or 0), 4.0, "best_test", teacher) if row["alpha"] else ()
            what = (row["arch"], row["dataset"], row["aug"], 0.0, row["recipe"], recipe, row["optimizer"])
            made[name] = Cell(*what, int(row["round"]), number[name], *taught)
        return made[name]

    cells = sorted(map(cell, rows), key=lambda it: len(it.lineage))
    study = Plan("runs", {it.key: Step(it) for it in cells})
    archs = sorted({it.arch for it in cells})
    for what, largest in (("1,000 elements", 1000), ("100 elements", 100)):
        for sizes in ("one", "a size for each architecture"):
            each = {
                key: DEFAULTS.model_copy(
                    update={"memory_gb": 8.0 + archs.index(step.cell.arch)} if sizes != "one" else {}
                )
                for key, step in study.steps.items()
            }
            arrays = make_arrays(study, study.steps, resources=each, queued={}, largest=largest)
            tasks = sum(len(array.tasks) for array in arrays)
            print(f"{len(rows)} runs, {len(study.steps)} keys, arrays of at most {what}, {sizes} of job: ", end="")
            print(f"{len(arrays)} arrays, as many calls of sbatch, {tasks} tasks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is run")
    parser.add_argument("--runs", type=Path, help="count the arrays of the runs in this CSV file instead")
    arguments = parser.parse_args()
    if arguments.runs:
        count(arguments.runs)
    else:
        compare(arguments.rounds)


if __name__ == "__main__":
    main()
